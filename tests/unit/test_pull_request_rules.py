"""Obstacles of a green pull request: refused merges, queues, checks without an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.pull_requests.checks import (
    CheckRun,
    newest_checks,
    overall_check_state,
    review_state,
)
from chalicelib.domain.pull_requests.forge import ForgeLocation, forge_error
from chalicelib.domain.pull_requests.pull_request import (
    EVENT_DEBOUNCE,
    MAX_MERGE_ATTEMPTS,
    Facts,
    PullRequest,
    next_look_after_event,
    renamed_to,
    with_facts,
)
from chalicelib.domain.pull_requests.verdict import (
    MAX_PENDING_TIME,
    MergePolicy,
    Move,
    judge_pull_request,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ALL = MergePolicy(auto_merge=True, auto_resume=True)
GREEN = Facts(
    number=1,
    url="https://github.com/acme/web/pull/1",
    state="open",
    head_sha="a",
    mergeable=True,
    runs="success",
    statuses="none",
    reviews="approved",
)


def decided(pull: PullRequest, now: datetime = NOON, *, attended: bool = False) -> Move:
    return judge_pull_request(pull, ALL, now, attended=attended).move


def test_a_merge_that_a_rule_forbids_is_tried_once_for_each_state_of_things():
    pull = with_facts(None, GREEN, NOON)
    assert decided(pull) is Move.MERGE

    refused = pull.with_refused_merge("At least 1 approving review is required", final=True)
    found = judge_pull_request(refused, ALL, NOON, attended=False)
    assert found.move is Move.NEEDS_ATTENTION
    assert "At least 1 approving review is required" in found.reason
    for minute in range(1, 1440):
        later = NOON + timedelta(minutes=minute)
        assert decided(with_facts(refused, GREEN, later), later, attended=True) is Move.WAIT

    moved = with_facts(refused, replace(GREEN, review_id=None, head_sha="b"), NOON)
    assert decided(moved, attended=True) is Move.RECOVERED
    assert decided(moved) is Move.MERGE


def test_a_merge_that_came_in_between_is_tried_a_few_times():
    pull = with_facts(None, GREEN, NOON)
    for _ in range(MAX_MERGE_ATTEMPTS - 1):
        pull = pull.with_refused_merge("Base branch was modified", final=False)
        assert decided(pull) is Move.MERGE
    pull = pull.with_refused_merge("Base branch was modified", final=False)

    assert decided(pull) is Move.NEEDS_ATTENTION


def test_what_waits_in_the_queue_is_not_merged_again():
    pull = replace(with_facts(None, GREEN, NOON), enqueued_sha="a")

    assert decided(pull) is Move.WAIT
    assert pull.waits_for == "the merge queue"
    assert decided(with_facts(pull, replace(GREEN, head_sha="b"), NOON)) is Move.MERGE


def test_what_was_to_be_a_draft_is_never_merged_by_itself():
    assert decided(replace(with_facts(None, GREEN, NOON), wants_draft=True)) is Move.WAIT


def test_checks_that_never_end_are_told_to_a_person_by_name():
    facts = replace(GREEN, runs="pending", pending_runs=("ci", "lint"))
    pull = with_facts(None, facts, NOON)
    assert pull.waits_for == "the checks 'ci', 'lint'"

    assert decided(pull, NOON + MAX_PENDING_TIME - timedelta(seconds=1)) is Move.WAIT
    found = judge_pull_request(pull, ALL, NOON + MAX_PENDING_TIME, attended=False)
    assert (found.move, "'ci', 'lint'" in found.reason) == (Move.NEEDS_ATTENTION, True)
    assert decided(pull, NOON + MAX_PENDING_TIME, attended=True) is Move.WAIT
    ended = with_facts(pull, GREEN, NOON + MAX_PENDING_TIME)
    assert decided(ended, NOON + MAX_PENDING_TIME, attended=True) is Move.RECOVERED


runs = st.lists(
    st.builds(
        CheckRun,
        id=st.integers(1, 99),
        name=st.sampled_from(["ci", "lint"]),
        app=st.sampled_from(["actions", "circle"]),
        status=st.sampled_from(["queued", "in_progress", "completed"]),
        conclusion=st.sampled_from(
            ["success", "failure", "cancelled", "stale", "neutral", "skipped", "timed_out", None]
        ),
    ),
    unique_by=lambda run: run.id,
    max_size=12,
)


@given(runs=runs, order=st.randoms())
def test_only_the_newest_run_of_each_check_decides(runs: list[CheckRun], order: object):
    """Against an oracle that looks from the newest on, whatever order they come in."""
    first: dict[tuple[str, str], CheckRun] = {}
    for run in sorted(runs, key=lambda run: -run.id):
        first.setdefault((run.name, run.app), run)
    order.shuffle(runs)  # type: ignore[attr-defined]

    assert set(newest_checks(runs)) == set(first.values())
    good = {"success", "neutral", "skipped"}
    green = all(run.status == "completed" and run.conclusion in good for run in first.values())
    assert (overall_check_state(runs) in ("success", "none")) == green


reviews = st.lists(
    st.tuples(
        st.integers(1, 99),
        st.sampled_from(["ann", "bob", "mallory", "eve"]),
        st.sampled_from(["APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED", "PENDING"]),
    ),
    max_size=12,
)


@given(reviews=reviews, asked=st.booleans())
def test_strangers_change_no_verdict(reviews: list[tuple[int, str, str]], asked: bool):
    people = {"ann", "bob"}
    theirs = [review for review in reviews if review[1] in people]

    def everybody(who: str) -> bool:
        return True

    told = review_state(reviews, review_requested=asked, counts=people.__contains__)
    assert told == review_state(theirs, review_requested=asked, counts=everybody)


def test_two_hundred_events_call_for_a_look_in_ten_seconds_at_most():
    pull = with_facts(None, GREEN, NOON)

    for second in range(10):
        assert (
            next_look_after_event(pull, NOON + timedelta(seconds=second)) == NOON + EVENT_DEBOUNCE
        )
    assert next_look_after_event(pull, NOON + timedelta(minutes=1)) == NOON + timedelta(minutes=1)


def test_no_event_looks_before_the_forges_own_wait_ends():
    until = NOON + timedelta(minutes=30)
    pull = replace(with_facts(None, GREEN, NOON), left_alone_until=until)

    assert next_look_after_event(pull, NOON + timedelta(minutes=2)) == until
    assert next_look_after_event(pull, until + timedelta(minutes=1)) == until + timedelta(minutes=1)
    assert with_facts(pull, GREEN, until).left_alone_until is None


@pytest.mark.parametrize(
    "url, repo, name",
    [
        ("https://github.com/acme/web/pull/1", "https://github.com/acme/web", None),
        ("https://github.com/Acme/Web/pull/1", "https://github.com/acme/web", None),
        ("https://github.com/acme/site/pull/1", "https://github.com/acme/web", "acme/site"),
        ("https://github.com/acme/web/pull/1", "ssh://git@github.com/acme/web", None),
        ("https://ghe.example/a/b/pull/1", "https://github.com/acme/web", None),
        ("", "https://github.com/acme/web", None),
    ],
)
def test_a_new_name_is_read_from_where_the_pull_request_is(url: str, repo: str, name: str | None):
    assert renamed_to(url, repo) == name


@pytest.mark.parametrize(
    "status, said, kind",
    [
        (403, "You have triggered an abuse detection mechanism.", "rate_limited"),
        (403, "Please wait a few minutes before you try again.", "rate_limited"),
        (422, "Validation Failed: was submitted too quickly", "rate_limited"),
        (403, "Repository was archived so is read-only.", "archived"),
        (410, "This issue was deleted", "gone"),
        (307, "Temporary Redirect", "misdirected"),
        (422, "Validation Failed: No commits between main and x", "invalid"),
        (403, "Resource not accessible by integration", "forbidden"),
    ],
)
def test_each_refusal_has_its_own_true_message(status: int, said: str, kind: str):
    error = forge_error(
        status, said, {}, ForgeLocation(api_url="https://api.github.com", slug="a/b")
    )

    assert (error.kind, error.passes) == (kind, kind == "rate_limited")
    assert said in str(error)
