"""Contents of notifications, and their form in Slack."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.firing.firing import Firing, Outcome, Skip
from chalicelib.domain.notifications import notification as notices
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.runs.run import Run, move_run, queue_run
from chalicelib.domain.runs.state import MOVES, State
from chalicelib.domain.texts import slack

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BASE = "https://optio.example.com"
RUN = queue_run(
    Run(
        id=str(uuid.uuid4()),
        type="repo-task",
        title="Bump",
        firing_id="f1",
        created_at=NOW,
        updated_at=NOW,
        blueprint_id="d1",
        blueprint_name="Nightly",
    ),
    by="schedule",
    message="fired",
)
BLUEPRINT = Blueprint(
    id="d1",
    kind=Kind.REPO_BLUEPRINT,
    name="Nightly",
    title="Nightly",
    prompt="hushed prompt",
    created_at=NOW,
    updated_at=NOW,
)
FIRING = Firing(
    id="f1",
    occurrence="2026-05-04T12:00:00Z",
    outcome=Outcome.SKIPPED,
    fired_at=NOW,
    blueprint_id="d1",
    trigger_id="t1",
    trigger_type="schedule",
    reason="overlap",
)


def test_each_move_is_told_as_what_it_leads_to_or_not_at_all():
    told = {
        State.COMPLETED: Event.COMPLETED,
        State.FAILED: Event.FAILED,
        State.NEEDS_ATTENTION: Event.NEEDS_ATTENTION,
    }
    for source, targets in MOVES.items():
        for target in targets:
            was = replace(RUN, state=source)
            new = move_run(was, target, by="test", message="m", at=NOW)
            assert notices.event_of_move(was, new) == told.get(target)


def test_a_pull_request_is_opened_once_however_often_it_moves():
    running = replace(RUN, state=State.RUNNING)
    opened = move_run(running, State.PR_OPENED, by="t", message="m", at=NOW, pr_number=7)
    assert notices.event_of_move(running, opened) is Event.PR_OPENED
    troubled = move_run(opened, State.NEEDS_ATTENTION, by="t", message="m", at=NOW)
    right = move_run(troubled, State.PR_OPENED, by="t", message="m", at=NOW)
    assert notices.event_of_move(troubled, right) is None
    resumed = move_run(right, State.QUEUED, by="t", message="m", at=NOW)
    again = replace(resumed, state=State.RUNNING)
    same = move_run(again, State.PR_OPENED, by="t", message="m", at=NOW)
    assert notices.event_of_move(again, same) is None
    another = move_run(again, State.PR_OPENED, by="t", message="m", at=NOW, pr_number=8)
    assert notices.event_of_move(again, another) is Event.PR_OPENED


@pytest.mark.parametrize("reason", Skip)
def test_a_trigger_that_fires_nothing_is_told_and_one_that_fires_is_not(reason: Skip):
    skipped = replace(FIRING, reason=reason.value)
    expected = Event.MISSED if reason is Skip.MISSED else Event.SKIPPED
    assert notices.event_of_firing(skipped) is expected
    assert notices.event_of_firing(replace(skipped, trigger_id=None)) is None
    assert notices.event_of_firing(replace(skipped, outcome=Outcome.FIRED)) is None
    failed = replace(skipped, outcome=Outcome.FAILED, reason="bad template: {{hushed")
    assert notices.event_of_firing(failed) is Event.UNFIRED
    told = notices.firing_notification("n", Event.UNFIRED, failed, BLUEPRINT, BASE)
    assert told.data["firing"]["reason"] == "bad template"  # type: ignore[index]
    odd = replace(failed, reason="hushed thing went wrong")
    told = notices.firing_notification("n", Event.UNFIRED, odd, None, None)
    assert "hushed" not in told.to_json


def all_notices(title: str, name: str, base: str | None) -> list[Notification]:
    run = replace(RUN, title=title, blueprint_name=name, error_class="agent", pr_url="https://x/1")
    failed = replace(run, error_message="hushed output", result_summary="hushed summary")
    owner = replace(BLUEPRINT, name=name, paused_reason="hushed reason")
    moves = (Event.COMPLETED, Event.FAILED, Event.NEEDS_ATTENTION, Event.PR_OPENED)
    return [
        *(notices.run_notification("n", event, NOW, failed, base) for event in moves),
        *(
            notices.firing_notification("n", event, FIRING, owner, base)
            for event in (Event.SKIPPED, Event.MISSED, Event.UNFIRED)
        ),
        notices.firing_notification("n", Event.MISSED, replace(FIRING, count=7), None, base),
        notices.pause_notification("n", NOW, owner, failed, base),
        notices.run_notification("n", Event.FAILED, NOW, replace(failed, blueprint_id=None), base),
        notices.ping_notification("n", NOW, "w1", base),
    ]


@pytest.mark.parametrize("base", [None, BASE])
def test_a_notice_links_to_the_dashboard_and_holds_nothing_that_was_said_to_or_by_an_agent(
    base: str | None,
):
    for notice in all_notices("Bump", "Nightly", base):
        body = json.loads(notice.to_json)
        assert set(body) == {"type", "timestamp", "data"}
        assert body["type"] == notice.event.value
        assert "hushed" not in notice.to_json
        links = re.findall(r'"url": ("[^"]+"|null)', notice.to_json)
        assert links or notice.data["definition"] is None
        assert all(link.startswith(f'"{BASE}/') if base else link == "null" for link in links)


@given(title=st.text(max_size=600), name=st.text(max_size=300), base=st.sampled_from([None, BASE]))
def test_no_title_can_make_slack_link_mention_or_fail(title: str, name: str, base: str | None):
    for notice in all_notices(title, name, base):
        message = json.loads(slack.slack_message(notice.to_json))
        texts = [message["text"], *texts_of(message["blocks"])]
        for text in texts:
            assert 0 < len(text) <= 3000
            # What is left in angle brackets are our own links.
            for inside in re.findall(r"<([^>]*)>?", text):
                assert inside.startswith(("https://optio.example.com/", "https://x/1|"))
            assert not re.sub(r"&(amp|lt|gt);", "", text).count("&")


def texts_of(blocks: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for block in blocks for part in block.get("elements", [block.get("text")])]
