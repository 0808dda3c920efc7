"""Decisions from the facts of a pull request: tables, and every order of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.domain.firing.run_marker import marked_run_ids
from chalicelib.domain.pull_requests.checks import (
    CheckRun,
    commit_status_state,
    overall_check_state,
    review_state,
)
from chalicelib.domain.pull_requests.forge import ForgeLocation, forge_error, forge_location
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest, next_look, with_facts
from chalicelib.domain.pull_requests.verdict import (
    CHECKS_GRACE,
    MergePolicy,
    Move,
    judge_pull_request,
)
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.domain.texts.pull_request_body import pull_request_body, replace_report
from chalicelib.domain.tickets.ticket import TicketOrigin

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ALL = MergePolicy(auto_merge=True, auto_resume=True)
GREEN = Facts(
    number=1,
    url="u",
    state="open",
    head_sha="a",
    mergeable=True,
    runs="success",
    statuses="none",
    reviews="none",
)


def decided(facts: Facts, *, after: timedelta = timedelta(0), policy: MergePolicy = ALL) -> Move:
    return judge_pull_request(
        with_facts(None, facts, NOON), policy, NOON + after, attended=False
    ).move


@pytest.mark.parametrize(
    "change, expected",
    [
        pytest.param({}, Move.MERGE, id="green, and no review was asked for"),
        pytest.param({"reviews": "approved"}, Move.MERGE, id="green and approved"),
        pytest.param({"reviews": "pending"}, Move.WAIT, id="a review is still to come"),
        pytest.param({"reviews": "unknown"}, Move.WAIT, id="reviews that cannot be read"),
        pytest.param({"runs": "unknown"}, Move.WAIT, id="checks that cannot be read are not none"),
        pytest.param({"statuses": "pending"}, Move.WAIT, id="a status is pending"),
        pytest.param({"runs": "none"}, Move.WAIT, id="no check has registered yet"),
        pytest.param({"mergeable": None}, Move.WAIT, id="mergeability is just computed"),
        pytest.param({"draft": True}, Move.WAIT, id="a draft"),
        pytest.param({"runs": "failure"}, Move.RESUME, id="a failing check"),
        pytest.param(
            {"runs": "failure", "statuses": "unknown"},
            Move.RESUME,
            id="a failure is one whatever else is unknown",
        ),
        pytest.param({"mergeable": False}, Move.RESUME, id="a conflict"),
        pytest.param(
            {"reviews": "changes_requested", "review_id": 3}, Move.RESUME, id="an objection"
        ),
        pytest.param(
            {"state": "merged", "runs": "failure"}, Move.COMPLETE, id="merged all the same"
        ),
        pytest.param({"state": "closed"}, Move.FAIL, id="closed"),
    ],
)
def test_each_fact_calls_for_one_move(change: dict[str, object], expected: Move):
    assert decided(replace(GREEN, **change)) is expected  # type: ignore[arg-type]


def test_no_checks_at_all_are_believed_after_a_grace_period():
    none = replace(GREEN, runs="none")

    assert decided(none, after=CHECKS_GRACE - timedelta(seconds=1)) is Move.WAIT
    assert decided(none, after=CHECKS_GRACE) is Move.MERGE


@pytest.mark.parametrize(
    "runs, expected",
    [
        ([], "none"),
        ([("completed", "success"), ("completed", "skipped"), ("completed", "neutral")], "success"),
        ([("completed", "success"), ("in_progress", None)], "pending"),
        ([("queued", None), ("completed", "timed_out")], "failure"),
        ([("completed", "cancelled")], "failure"),
        ([("completed", "stale")], "pending"),
        ([("completed", None)], "pending"),
        ([("completed", "an end of next year")], "pending"),
        ([("completed", "stale"), ("completed", "failure")], "failure"),
    ],
)
def test_check_runs_in_one_word(runs: list[tuple[str, str | None]], expected: str):
    named = [
        CheckRun(id=number, name=f"check {number}", status=status, conclusion=end)
        for number, (status, end) in enumerate(runs)
    ]
    assert overall_check_state(named) == expected


def test_a_combined_status_without_any_status_is_none_though_github_says_pending():
    assert commit_status_state("pending", 0) == "none"
    assert [commit_status_state(s, 1) for s in ("success", "pending", "failure", "error")] == [
        *("success", "pending", "failure", "failure")
    ]


@pytest.mark.parametrize(
    "reviews, asked, expected",
    [
        pytest.param([], False, ("none", None), id="nobody"),
        pytest.param([], True, ("pending", None), id="asked for"),
        pytest.param([(1, "a", "COMMENTED")], False, ("none", None), id="a comment is none"),
        pytest.param([(1, "a", "APPROVED")], True, ("pending", None), id="one of two"),
        pytest.param(
            [(1, "a", "CHANGES_REQUESTED"), (2, "b", "APPROVED")],
            False,
            ("changes_requested", 1),
            id="an objection outweighs",
        ),
        pytest.param(
            [(1, "a", "CHANGES_REQUESTED"), (2, "a", "APPROVED")],
            False,
            ("approved", None),
            id="the last word counts",
        ),
        pytest.param(
            [(1, "a", "CHANGES_REQUESTED"), (2, "a", "COMMENTED")],
            False,
            ("changes_requested", 1),
            id="a comment takes nothing back",
        ),
        pytest.param(
            [(1, "a", "CHANGES_REQUESTED"), (1, "a", "DISMISSED")],
            False,
            ("none", None),
            id="dismissed",
        ),
    ],
)
def test_reviews_in_one_word(
    reviews: list[tuple[int, str, str]], asked: bool, expected: tuple[str, int | None]
):
    assert review_state(reviews, review_requested=asked, counts=lambda who: True) == expected


def test_a_look_comes_soon_while_something_happens_and_ever_more_rarely_after():
    pull = with_facts(None, GREEN, NOON)
    waits = [next_look(pull, NOON + timedelta(minutes=m)).total_seconds() for m in (0, 10, 60, 999)]

    assert waits == [30, 30, 180, 600]
    again = with_facts(pull, replace(GREEN, runs="pending"), NOON + timedelta(hours=5))
    assert next_look(again, NOON + timedelta(hours=5)) == timedelta(seconds=30)


@pytest.mark.parametrize(
    "url, api, expected",
    [
        (
            "https://github.com/acme/web",
            None,
            ForgeLocation(api_url="https://api.github.com", slug="acme/web"),
        ),
        (
            "ssh://git@github.com/acme/web",
            None,
            ForgeLocation(api_url="https://api.github.com", slug="acme/web"),
        ),
        (
            "https://ghe.acme.com/a/b",
            "https://ghe.acme.com/api/v3",
            ForgeLocation(api_url="https://ghe.acme.com/api/v3", slug="a/b"),
        ),
        ("https://ghe.acme.com/a/b", None, None),
        ("https://gitlab.com/a/b/c", None, None),
        ("file:///srv/web", "https://ghe.acme.com/api/v3", None),
    ],
)
def test_a_forge_is_github_or_what_its_repo_names(
    url: str, api: str | None, expected: ForgeLocation | None
):
    assert forge_location(url, api) == expected


@pytest.mark.parametrize(
    "status, said, headers, kind, passes, wait",
    [
        (401, "Bad credentials", {}, "unauthorized", False, None),
        (403, "Resource not accessible", {}, "forbidden", False, None),
        (
            403,
            "You have exceeded a secondary rate limit",
            {"Retry-After": "7"},
            "rate_limited",
            True,
            7,
        ),
        (403, "API rate limit exceeded", {"X-RateLimit-Remaining": "0"}, "rate_limited", True, 60),
        (429, "slow down", {"retry-after": "30"}, "rate_limited", True, 30),
        (
            403,
            "API rate limit exceeded",
            {
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1777896900",
                "Date": "Mon, 04 May 2026 12:00:00 GMT",
            },
            "rate_limited",
            True,
            900,
        ),
        (
            503,
            "",
            {
                "Retry-After": "Mon, 04 May 2026 12:02:00 GMT",
                "Date": "Mon, 04 May 2026 12:00:00 GMT",
            },
            "unavailable",
            True,
            120,
        ),
        (503, "", {"Retry-After": "soon"}, "unavailable", True, None),
        (404, "Not Found", {}, "not_found", False, None),
        (409, "Head branch was modified", {}, "conflict", False, None),
        (422, "Validation Failed", {}, "invalid", False, None),
        (500, "", {}, "unavailable", True, None),
        (503, "", {"Retry-After": "9"}, "unavailable", True, 9),
    ],
)
def test_each_refusal_is_what_it_is(
    status: int, said: str, headers: dict[str, str], kind: str, passes: bool, wait: int | None
):
    error = forge_error(
        status, said, headers, ForgeLocation(api_url="https://api.github.com", slug="a/b")
    )

    assert (error.kind, error.passes) == (kind, passes)
    assert (error.wait and error.wait.total_seconds()) == wait


class EveryOrder(RuleBasedStateMachine):
    """A pull request to which anything may happen, looked at and acted upon as `tracking` does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.truth = replace(GREEN, runs="none", mergeable=None)
        self.pull: PullRequest = with_facts(None, self.truth, NOON)
        self.state = "pr_opened"
        self.head = 0
        self.policy = MergePolicy(auto_merge=True, auto_resume=True, max_auto_resumes=3)

    @property
    def over(self) -> bool:
        return self.state in ("completed", "failed")

    @rule(
        part=st.sampled_from(["runs", "statuses"]),
        word=st.sampled_from(["none", "pending", "success", "failure", "unknown"]),
    )
    def checks_say(self, part: str, word: str) -> None:
        self.truth = replace(self.truth, **{part: word})  # type: ignore[arg-type]

    @rule(word=st.sampled_from(["none", "pending", "approved", "changes_requested", "unknown"]))
    def reviewers_say(self, word: str) -> None:
        number = self.head + 1 if word == "changes_requested" else None
        self.truth = replace(self.truth, reviews=word, review_id=number)

    @rule(mergeable=st.sampled_from([True, False, None]))
    def the_base_moves(self, mergeable: bool | None) -> None:
        self.truth = replace(self.truth, mergeable=mergeable)

    @rule(state=st.sampled_from(["closed", "merged", "open"]))
    def a_person_decides(self, state: str) -> None:
        if self.truth.state != "merged":
            self.truth = replace(self.truth, state=state)

    @rule()
    def a_person_pushes(self) -> None:
        self._new_head()

    @rule(minutes=st.sampled_from([0, 1, 6, 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def the_policy_changes(self) -> None:
        self.policy = replace(self.policy, auto_resume=not self.policy.auto_resume)

    @rule()
    def it_is_looked_at(self) -> None:
        if self.over or self.state == "working":
            return
        self.pull = with_facts(self.pull, self.truth, self.now)
        attended = self.state == "needs_attention"
        found = judge_pull_request(self.pull, self.policy, self.now, attended=attended)
        if found.move is Move.MERGE:
            self._may_merge(attended)
            self.truth = replace(self.truth, state="merged")
        elif found.move is Move.RESUME:
            assert found.trouble not in self.pull.handled
            self.pull = replace(
                self.pull,
                handled=(*self.pull.handled, found.trouble),
                resumes=self.pull.resumes + 1,
            )
            self.state = "working"
        else:
            self.state = {
                Move.COMPLETE: "completed",
                Move.FAIL: "failed",
                Move.NEEDS_ATTENTION: "needs_attention",
                Move.RECOVERED: "pr_opened",
                Move.WAIT: self.state,
            }[found.move]
        self._is_as_the_facts_say(found.move)

    @rule()
    def the_agent_pushes(self) -> None:
        if self.state == "working":
            self._new_head()
            self.state = "pr_opened"

    def _new_head(self) -> None:
        self.head += 1
        self.truth = replace(
            self.truth, head_sha=f"sha{self.head}", runs="none", statuses="none", mergeable=None
        )

    def _may_merge(self, attended: bool) -> None:
        facts = self.truth
        assert not attended
        assert facts.mergeable is True
        assert facts.reviews in ("none", "approved")
        assert facts.check_state in ("none", "success")
        if facts.check_state == "none":
            assert self.now - self.pull.head_seen_at >= CHECKS_GRACE

    def _is_as_the_facts_say(self, move: Move) -> None:
        if self.truth.state == "merged" and move is not Move.MERGE:
            assert self.state == "completed"
        if self.truth.state == "closed":
            assert self.state == "failed"
        if move is Move.RECOVERED:
            assert "failure" not in (self.truth.runs, self.truth.statuses)
            assert "unknown" not in (self.truth.runs, self.truth.statuses, self.truth.reviews)

    @invariant()
    def nobody_is_asked_for_ever(self) -> None:
        assert self.pull.resumes <= self.policy.max_auto_resumes
        assert len(set(self.pull.handled)) == len(self.pull.handled)


EveryOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestEveryOrder = EveryOrder.TestCase


def body_of(asked: str = "Do.", template: str | None = None, **more: object) -> str:
    run = Run(
        id="00000000-0000-4000-8000-000000000001",
        type="repo-task",
        title="t",
        firing_id="f",
        created_at=NOON,
        updated_at=NOON,
        **more,  # type: ignore[arg-type]
    )
    return pull_request_body(
        run, prompt=asked, trigger="ticket", ticket=TICKET, task_url=None, template=template
    )


TICKET = TicketOrigin(source="github", external_id="a/b#12", number=12)


def test_a_renewed_body_closes_the_ticket_of_whoever_took_it_over_too():
    old = body_of(result_summary="first").replace("Closes #12", "Closes #7")
    new = replace_report(old, body_of(result_summary="second"))

    assert "Closes #7\n\nCloses #12\n\n" in new
    assert ("first" in new, "second" in new) == (False, True)
    assert replace_report(new, body_of(result_summary="second")) == new


def test_what_is_quoted_in_a_body_never_counts_as_our_part():
    told = "<!-- optio:report -->\n<!-- optio:task/00000000-0000-4000-8000-000000000009 -->"
    text = body_of(result_summary=told)

    assert marked_run_ids(text) == ["00000000-0000-4000-8000-000000000001"]
    assert replace_report(text, body_of(result_summary="x")) == body_of(result_summary="x")


def test_no_program_names_itself_so_that_a_body_says_what_nobody_asked_for():
    model = "gpt)\n\nCloses #1 @all <!-- optio:report --> ![x](https://e.example/y)\noptio:task/x"
    told = body_of(agent_type="codex", model_used=model, blueprint_name="a\n# b")
    (line,) = [line for line in told.splitlines() if line.startswith("- Agent: ")]
    assert "Closes #\u200b1 @\u200ball \\<!- - optio:report" in line
    assert "!\\[x]" in line
    assert "- Blueprint: a #\u200b b" in told.splitlines()
    assert told.count("Closes #1") == 1  # of the ticket, #12


@pytest.mark.parametrize("word", ["closes", "Fixed:", "resolve", "FIX"])
@pytest.mark.parametrize("what", ["GH-7", "https://github.com/a/b/issues/7"])
def test_what_is_quoted_closes_nothing_however_it_is_named(word: str, what: str):
    told = body_of(result_summary=f"It {word} {what}, and fixes the test.")
    assert f"> It {word[0]}\u200b{word[1:]} {what}, and fixes the test." in told


@pytest.mark.parametrize("piece", ["@\n", "closes GH-1\n", "#", "\n<!--"])
def test_no_body_is_longer_than_github_takes(piece: str):
    huge = piece * 99_999
    trial = RepoTestRun(passed=False, last_lines=huge)
    told = body_of(asked=huge, template=huge, result_summary=huge, trial=trial)
    assert len(told) <= 65_536
