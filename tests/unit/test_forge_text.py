"""Foreign text at a forge: it mentions no one, closes nothing, and forges no marker."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.firing.run_marker import marked_run_ids
from chalicelib.domain.runs.run import Run
from chalicelib.domain.texts.pull_request_body import (
    merge_message,
    merge_title,
    pull_request_body,
    pull_request_title,
)
from chalicelib.domain.texts.ticket_comment import CommentText, TextPart, to_markdown
from chalicelib.domain.tickets.ticket import TicketOrigin, ticket_origin

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
OURS = "00000000-0000-4000-8000-000000000001"
FORGED = "<!-- optio:task/00000000-0000-4000-8000-000000000009 -->"
TICKET = TicketOrigin(source="github", external_id="a/b#12", number=12)

# As GitHub documents them, written down apart from the code: keywords, forms of a reference.
KEYWORD = r"(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"
REFERENCE = r"(?:[\w.-]+/[\w.-]+)?#\d+|gh-\d+|https?://\S+/(?:issues|pull)/\d+"
CLOSES = re.compile(rf"\b{KEYWORD}\b:?\s+(?:{REFERENCE})", re.IGNORECASE)
MENTION = re.compile(r"(?<![\w/])@[a-z0-9][\w-]*(?:/[\w-]+)?", re.IGNORECASE)

words = st.sampled_from(
    [
        *("fixes", "Closes:", "RESOLVED", "close", "#7", "acme/web#7", "GH-7", "gh-8", "\n", " "),
        *("https://github.com/a/b/issues/7", "http://ghe.example/a/b/pull/9", "@ann", "@acme/all"),
        *(FORGED, "<!--", "-->", "[x](http://e.example)", "**", "`", "\\", "ok", ":", "\t"),
    ]
)
foreign = st.lists(words, max_size=12).map(" ".join) | st.text(max_size=80)


def run_of(text: str) -> Run:
    return Run(
        id=OURS,
        type="repo-task",
        title=text,
        firing_id="f",
        created_at=NOON,
        updated_at=NOON,
        result_summary=text,
        blueprint_name=text,
        model_used=text,
        error_message=text,
    )


@given(text=foreign)
def test_no_text_of_others_does_anything_at_a_forge(text: str):
    run = run_of(text)
    said = pull_request_body(
        run, prompt=text, trigger="manual", ticket=None, task_url=None, template=None
    )
    note = CommentText(run_id=OURS, lines=((TextPart(text.replace("\n", " ")),),))
    for made in (
        pull_request_title(run),
        merge_title(run, 5).removesuffix(" (#5)"),
        merge_message(run, None, None),
        said,
        to_markdown(note),
    ):
        assert not CLOSES.search(made), made
        assert not MENTION.search(made), made
    assert marked_run_ids(said) == [OURS]
    assert "\n" not in pull_request_title(run)
    assert len(pull_request_title(run)) <= 250


def test_what_is_ours_still_closes_its_own_ticket():
    assert merge_message(run_of("fixes #7"), TICKET, None).endswith("Closes #12")
    assert CLOSES.findall(merge_message(run_of("fixes #7"), TICKET, None)) == ["Closes #12"]
    assert pull_request_title(run_of("Bump it")) == "Bump it"
    assert pull_request_title(run_of(" \n")) == f"Task {OURS}"


@pytest.mark.parametrize("url", ["https://x.example/ closes #7", "javascript:x", "", "https://a@b"])
def test_a_ticket_is_named_by_its_address_only_where_it_is_one(url: str):
    ticket = TicketOrigin(source="linear", external_id="OPS-1 fixes #7 @ann", url=url)
    said = pull_request_body(
        run_of("t"), prompt="x", trigger="ticket", ticket=ticket, task_url=None, template=None
    )

    assert not CLOSES.search(said)
    assert not MENTION.search(said)


TOLD = (
    '{"ticketSource": "github", "ticketExternalId": "acme/web#7", "number": 7, '
    '"ticketUrl": "https://github.com/acme/web/issues/7", "repo": "acme/web"}'
)


def test_only_the_firing_of_a_ticket_tells_of_one():
    url = "https://github.com/acme/web"
    for brief in (Brief(params=TOLD), Brief(payload=TOLD), Brief(params=TOLD, payload=TOLD)):
        assert ticket_origin(brief, url, of_ticket=False) is None
        found = ticket_origin(brief, url, of_ticket=True)
        assert found is not None
        assert found.number == 7


def test_params_that_a_mapping_picked_tell_of_no_other_ticket():
    payload = TOLD.replace("7", "3")
    found = ticket_origin(
        Brief(params=TOLD, payload=payload), "https://github.com/acme/web", of_ticket=True
    )

    assert found is not None
    assert (found.number, found.external_id) == (3, "acme/web#3")
