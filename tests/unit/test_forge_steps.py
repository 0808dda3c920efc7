"""Steps of a run at its forge, on stores in memory: tidying, refusals, waits, and cancels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.jobs import reports
from chalicelib.actions.pull_requests import forge_events, left_open, publish
from chalicelib.actions.runs import step_failures, transitions
from chalicelib.actions.scheduler import outside_calls
from chalicelib.domain.errors import Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run, queue_run
from chalicelib.domain.runs.run_keys import branch_key
from chalicelib.domain.runs.state import State
from chalicelib.ports import Part
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld, Write, absent, put

URL = "https://github.com/acme/web"
ID = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
BRANCH = "optio/task-00000000"
TICKET = (
    '{"ticketSource": "github", "ticketExternalId": "acme/web#7", "number": 7, "repo": "acme/web"}'
)
GREEN = Facts(
    number=1,
    url=f"{URL}/pull/1",
    state="open",
    head_sha="a",
    mergeable=True,
    runs="success",
    statuses="none",
    reviews="approved",
)


class ScriptedForge:
    """A forge with one pull request, of which each call can be made to fail."""

    def __init__(self) -> None:
        self.facts = GREEN
        self.errors: dict[str, ForgeError] = {}
        self.calls: list[str] = []
        self.meanwhile: dict[str, Any] = {}
        self.opened = False
        self.drafts = True
        self.said: tuple[str, ...] = ()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]

    def find_pull_request(self, branch: str, sha: str | None) -> Facts | None:
        self._called("find")
        return self.facts if self.opened else None

    def read_template(self) -> str | None:
        self._called("template")
        return None

    def default_branch(self) -> str:
        return "main"

    def open_pull_request(self, *, draft: bool, **more: Any) -> Facts:
        self._called("open")
        if draft and not self.drafts:
            raise ForgeError("invalid", "Draft pull requests are not supported in this repository.")
        self.opened = True
        self.facts = replace(self.facts, draft=draft)
        self.meanwhile.get("open", lambda: None)()
        return self.facts

    def read_body(self, number: int) -> str:
        return ""

    def add_labels(self, number: int, labels: Any) -> None:
        self._called("label")

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        self._called("look")
        return self.facts

    def read_failure_details(self, facts: Facts) -> str:
        return "wrong"

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        self._called("merge")
        self.said = (title, message)
        self.facts = replace(self.facts, state="merged")
        return True

    def is_enqueued(self, number: int) -> bool:
        self._called("is_enqueued")
        return True

    def close_issue(self, number: int) -> None:
        self._called("close_issue")

    def delete_branch(self, branch: str) -> None:
        self._called("delete_branch")


class Story:
    """One run at its forge."""

    def __init__(self, forge: ScriptedForge, **brief: Any) -> None:
        self.forge, self.now = forge, NOON
        self.world: Any = MemoryWorld(lambda: self.now, lambda span: None)
        told = Brief(**{"params": TICKET, "pr_labels": ("bot",), **brief})
        self.world.firings = SimpleNamespace(
            get_brief=lambda firing_id: told,
            get=lambda firing_id: SimpleNamespace(trigger_type="ticket"),
        )
        moments = {"created_at": NOON, "updated_at": NOON}
        repo = Repo(id=repo_id(URL), url=URL, auto_merge=True, **moments)
        self.world.repos.add(repo)
        run = Run(
            id=ID,
            type="repo-task",
            title="fixes #9 @ann",
            firing_id="f",
            repo_url=URL,
            branch=BRANCH,
            head_sha="a",
            **moments,
        )
        new = put(queue_run(run, by="ticket", message="x"))
        self.world.tables.commit([Write(Part.RUN, "runs", run.id, absent, new)])
        for state in (State.PROVISIONING, State.RUNNING):
            transitions.transition_run(self.world, self.run, state, by="test", message="on")
        transitions.update_run(self.world, self.run, stage=Phase.PUBLISH, due_at=self.now)

    @property
    def run(self) -> Run:
        found: Run = self.world.runs.get(ID)
        return found

    @property
    def words(self) -> str:
        return " | ".join(event.message for event in self.run.history)

    def look_after(self, at: datetime | None = None) -> Run:
        due = self.run.due_at
        assert at or due, "it is not due"
        self.now = max(self.now, at or due or self.now)
        outside_calls.make_outside_call(self.world, ID)
        return self.run

    def opened(self) -> Story:
        self.forge.opened = True
        self.look_after()
        assert self.run.state is State.PR_OPENED, self.words
        return self


@pytest.fixture
def forge() -> Iterator[ScriptedForge]:
    made = ScriptedForge()
    with (
        patch.object(forge_credentials, "open_forge_of", lambda world, url: made),
        patch("chalicelib.actions.tickets.comments.comment_on_ticket", lambda world, run: None),
    ):
        yield made


def refused(kind: str = "forbidden", **more: Any) -> ForgeError:
    return ForgeError(kind, f"told to say {kind}", **more)


@pytest.mark.parametrize("call", ["close_issue", "delete_branch"])
@pytest.mark.parametrize("kind", ["forbidden", "gone", "not_found", "unavailable"])
@pytest.mark.parametrize("who", ["ours", "a person"])
def test_tidying_up_changes_no_end_and_warns(forge: ScriptedForge, call: str, kind: str, who: str):
    story = Story(forge).opened()
    forge.errors[call] = refused(kind, passes=kind == "unavailable")
    if who == "a person":
        forge.facts = replace(forge.facts, state="merged")

    for _ in range(4):
        if not story.run.is_final:
            story.look_after()

    assert (story.run.state, story.run.pr_state) == (State.COMPLETED, "merged"), story.words
    assert f"told to say {kind}" in story.words
    assert forge.calls.count("merge") == (who == "ours")
    assert {"close_issue", "delete_branch"} <= set(forge.calls)


def test_two_that_publish_at_once_open_one_pull_request(forge: ScriptedForge):
    """The forge would open another one once a person has closed the first."""
    story = Story(forge)
    real = forge.read_template

    def template() -> None:
        forge.read_template = real  # type: ignore[method-assign]
        story.look_after(story.now)
        forge.opened = False

    forge.read_template = template  # type: ignore[method-assign]
    story.look_after()
    assert forge.calls.count("open") == 1
    assert story.run.state is State.PR_OPENED


def test_who_publishes_and_finds_the_run_written_in_between_goes_on_at_once(forge: ScriptedForge):
    story = Story(forge)
    forge.meanwhile["open"] = lambda: transitions.update_run(
        story.world, story.run, waiting_for="x"
    )
    story.look_after()
    assert (story.run.state, story.run.due_at) == (State.RUNNING, story.now)
    story.look_after()
    assert story.run.state is State.PR_OPENED
    assert forge.calls.count("open") == 1


def test_a_publish_that_fails_unexpectedly_is_tried_again_and_counted(forge: ScriptedForge):
    story = Story(forge)
    forge.errors["find"] = RuntimeError("ours")  # type: ignore[assignment]
    for failures in range(1, 10):
        story.now = max(story.now, story.run.due_at or story.now)
        step_failures.step_of_run(story.world, ID, outside_calls.make_outside_call)
        assert (story.run.failures, story.run.due_at) == (
            failures,
            story.now + trigger_failures.failure_backoff(failures),
        )
    story.now = story.run.due_at or story.now
    step_failures.step_of_run(story.world, ID, outside_calls.make_outside_call)
    assert (story.run.state, story.run.error_class) == (State.FAILED, "internal")


def test_tidying_up_waits_for_what_passes(forge: ScriptedForge):
    story = Story(forge).opened()
    forge.errors["delete_branch"] = refused("rate_limited", passes=True, wait=timedelta(minutes=9))
    for _ in range(9):
        story.look_after()
    assert story.run.state is State.PR_OPENED
    forge.errors.clear()

    story.look_after()

    assert story.run.state is State.COMPLETED
    assert "told to say" not in story.words.split("|")[-1]


@pytest.mark.parametrize("kind", ["forbidden", "invalid", "archived", "unavailable"])
@pytest.mark.parametrize("call", ["label", "template"])
def test_a_pull_request_is_followed_whose_labels_are_refused(
    forge: ScriptedForge, call: str, kind: str
):
    story = Story(forge)
    forge.errors[call] = refused(kind, passes=kind == "unavailable")

    for _ in range(4):
        if story.run.state is State.RUNNING:
            story.look_after()

    assert story.run.state is State.PR_OPENED, story.words
    assert f"told to say {kind}" in story.words
    assert story.run.due_at is not None
    assert story.run.error_message is None


def test_a_forge_that_is_down_for_a_day_fails_nothing_and_counts_apart(forge: ScriptedForge):
    story = Story(forge)
    forge.errors["find"] = refused("unavailable", passes=True)
    until = NOON + timedelta(days=1)
    while story.now < until:
        story.look_after()
        assert story.run.state is State.RUNNING, story.words
    assert story.run.waiting_for == "the forge"
    assert (story.run.failures, story.run.forge_failures > 100) == (0, True)

    step_failures.count_run_failure(story.world, ID, RuntimeError("once"))
    story.now = story.run.due_at or story.now
    step_failures.count_run_failure(story.world, ID, RuntimeError("once"))
    assert story.run.state is State.RUNNING
    forge.errors.clear()
    story.look_after()
    assert (story.run.state, story.run.error_message) == (State.PR_OPENED, None)
    assert (story.run.failures, story.run.forge_failures) == (0, 0)


def test_refusals_of_the_forge_and_a_fault_of_ours_fail_no_followed_run(forge: ScriptedForge):
    story = Story(forge).opened()
    forge.errors["look"] = refused("unavailable", passes=True)
    for _ in range(30):
        story.look_after()
    story.now = story.run.due_at or story.now

    step_failures.count_run_failure(story.world, ID, RuntimeError("once"))

    assert story.run.state is State.PR_OPENED
    assert story.run.failures == 1


def test_events_look_once_in_ten_seconds_and_never_while_the_forge_rests(forge: ScriptedForge):
    story = Story(forge).opened()
    key = branch_key(URL, BRANCH)
    assert ID in story.world.run_sets.held_runs(key)
    forge.facts = replace(forge.facts, runs="pending")
    story.look_after()
    payload = {
        "repository": {"html_url": URL},
        "check_run": {"check_suite": {"head_branch": BRANCH}},
    }
    looks = forge.calls.count("look")

    for second in range(200):
        story.now += timedelta(milliseconds=100)
        assert forge_events.handle_forge_event(story.world, "github", "check_run", payload) == [
            ID
        ], second
        if (story.run.due_at or story.now) <= story.now:
            story.look_after()
    assert 1 <= forge.calls.count("look") - looks <= 3

    wait = timedelta(minutes=30)
    forge.errors["look"] = refused("rate_limited", passes=True, wait=wait)
    story.look_after()
    rested = story.now + wait
    looks = forge.calls.count("look")
    while story.now < rested - timedelta(seconds=30):
        story.now += timedelta(seconds=20)
        forge_events.handle_forge_event(story.world, "github", "check_run", payload)
        outside_calls.make_outside_call(story.world, ID)
    assert forge.calls.count("look") == looks
    assert story.run.due_at == rested


def test_a_merge_that_a_rule_forbids_is_told_once_and_not_tried_all_day(forge: ScriptedForge):
    story = Story(forge).opened()
    said = "Protected branch: at least 1 approving review is required"
    forge.errors["merge"] = ForgeError("refused", said)

    until = NOON + timedelta(days=1)
    while story.now < until:
        story.look_after()

    assert forge.calls.count("merge") == 1
    assert story.run.state is State.NEEDS_ATTENTION
    assert said in (story.run.error_message or "")
    forge.errors.clear()
    forge.facts = replace(forge.facts, review_id=None, head_sha="b")
    story.look_after()
    assert story.run.state is State.PR_OPENED
    story.look_after()
    assert story.run.state is State.COMPLETED


def test_what_the_queue_took_is_followed_and_what_it_dropped_is_told(forge: ScriptedForge):
    story = Story(forge).opened()
    enqueued = True
    with (
        patch.object(forge, "merge_pull_request", lambda facts, title, message: False),
        patch.object(forge, "is_enqueued", lambda number: enqueued),
    ):
        story.look_after()
        assert story.run.waiting_for == "the merge queue"
        for _ in range(5):
            story.look_after()
        assert story.run.state is State.PR_OPENED
        enqueued = False
        story.look_after()

    assert story.run.state is State.NEEDS_ATTENTION
    assert "merge queue removed it" in (story.run.error_message or "")


def test_the_commit_of_a_merge_says_nothing_of_others(forge: ScriptedForge):
    story = Story(forge).opened()
    story.look_after()

    title, message = forge.said
    assert title == "fixes #\u200b9 @\u200bann (#1)"
    assert message.splitlines() == [f"Task: {ID}", "Closes #7"]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_repo_without_drafts_gets_a_pull_request_that_nobody_merges_by_itself(
    forge: ScriptedForge, wanted: bool
):
    story = Story(forge, draft=wanted)
    forge.drafts = False
    story.look_after()
    assert story.run.state is State.PR_OPENED, story.words
    assert ("the repo does not support drafts" in story.words) is wanted

    for _ in range(5):
        if not story.run.is_final:
            story.look_after()
    assert (story.run.state is State.COMPLETED) is not wanted


def cancelled(story: Story) -> None:
    transitions.cancel_run(story.world, story.run, by="user", message="cancelled")


def test_a_pull_request_that_opens_while_its_run_is_cancelled_is_noted(forge: ScriptedForge):
    story = Story(forge)
    forge.meanwhile["open"] = lambda: cancelled(story)

    story.look_after()

    run = story.run
    assert (run.state, run.pr_number, run.pr_state) == (State.CANCELLED, 1, "open")
    assert run.pr_url == f"{URL}/pull/1"
    assert "pull request #1 is open although the task was cancelled: close it" in story.words
    assert run.due_at is None
    assert run.reply is not None


def test_it_is_noted_though_whoever_opened_it_died(forge: ScriptedForge):
    story = Story(forge)
    forge.meanwhile["open"] = lambda: cancelled(story)
    dies = patch.object(left_open, "note_open", side_effect=KeyboardInterrupt)
    with dies, pytest.raises(KeyboardInterrupt):
        story.look_after()
    assert (story.run.state, story.run.pr_number) == (State.CANCELLED, None)
    assert story.run.due_at == NOON + transitions.PUBLISH_GRACE

    forge.errors["find"] = refused("unavailable", passes=True)
    story.look_after()
    assert story.run.due_at is not None
    forge.errors.clear()
    story.look_after()

    assert (story.run.pr_number, story.run.pr_state, story.run.due_at) == (1, "open", None)


def test_a_pull_request_that_another_run_follows_is_not_noted(forge: ScriptedForge):
    story = Story(forge).opened()
    other = replace(
        story.run, id=OTHER, state=State.QUEUED, pr_number=None, pr_state=None, pull=None
    )
    other = replace(other, works_on=BRANCH, branch=None, version=1)
    story.world.tables.commit([Write(Part.RUN, "runs", OTHER, absent, put(other))])
    for state in (State.PROVISIONING, State.RUNNING):
        transitions.transition_run(
            story.world,
            story.world.runs.get(OTHER),
            state,
            by="test",
            message="on",
            stage=Phase.PUBLISH,
        )

    transitions.cancel_run(story.world, story.world.runs.get(OTHER), by="user", message="cancelled")
    story.now += transitions.PUBLISH_GRACE
    outside_calls.make_outside_call(story.world, OTHER)

    run = story.world.runs.get(OTHER)
    assert (run.state, run.pr_number, run.due_at) == (State.CANCELLED, None, None)
    assert "find" in forge.calls


def test_what_it_waited_for_is_not_shown_when_the_wait_is_over(forge: ScriptedForge):
    story = Story(forge).opened()
    for facts, state in (
        ({"runs": "failure"}, State.NEEDS_ATTENTION),
        ({"runs": "success", "draft": True}, State.PR_OPENED),
        ({"state": "closed"}, State.FAILED),
    ):
        forge.errors["look"] = refused("rate_limited", passes=True, wait=timedelta(minutes=1))
        story.look_after()
        assert "rate_limited" in (story.run.waiting_for or "")
        forge.errors.clear()
        forge.facts = replace(forge.facts, **facts)  # type: ignore[arg-type]
        story.look_after()
        assert (story.run.state, story.run.waiting_for) == (state, None)


@pytest.mark.parametrize("kind", [None, "unauthorized"])
def test_a_cancelled_run_without_a_pull_request_is_looked_at_once(
    forge: ScriptedForge, kind: str | None
):
    story = Story(forge)
    cancelled(story)
    if kind:
        forge.errors["find"] = refused(kind)

    story.look_after()

    assert (story.run.state, story.run.due_at, story.run.pr_number) == (State.CANCELLED, None, None)
    assert ("could not check" in story.words) is bool(kind)


def test_nothing_is_opened_for_a_run_that_was_cancelled_before(forge: ScriptedForge):
    story = Story(forge)
    stale = story.run
    cancelled(story)

    with pytest.raises(Superseded):
        publish.publish_run(story.world, stale)

    assert "open" not in forge.calls


def test_an_update_counts_a_pull_request_that_was_reopened_and_not_one_that_closed():
    story = Story(ScriptedForge())
    run = transitions.update_run(story.world, story.run, blueprint_id="d", pr_state="closed")
    run = transitions.update_run(story.world, run, pr_state="open")
    assert story.world.run_sets.held_runs("open_prs#d") == {ID}
    transitions.update_run(story.world, run, pr_state="closed")
    assert story.world.run_sets.held_runs("open_prs#d") == set()


def test_a_resumed_agent_that_changes_nothing_hands_its_pull_request_to_a_person(
    forge: ScriptedForge,
):
    story = Story(forge).opened()
    backoff = timedelta(0)
    transitions.requeue_run(story.world, story.run, by="test", message="resumed", backoff=backoff)
    for state in (State.PROVISIONING, State.RUNNING):
        transitions.transition_run(story.world, story.run, state, by="test", message="on")

    report = reports.AttemptReport(
        outcome="no_changes", base_sha="a", result_summary="It is right."
    )
    reports.report_attempt(story.world, ID, story.run.attempt, report)

    run, why = story.run, "the agent changed nothing, and the pull request is still open"
    assert (run.state, run.error_message) == (State.NEEDS_ATTENTION, why)
    assert (run.result_summary, run.head_sha, run.pr_state) == ("It is right.", "a", "open")
    assert run.due_at == story.now
