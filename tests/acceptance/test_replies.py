"""A ticket shows its run: one comment, edited, and the provider's done state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.firing import run_marker
from chalicelib.integrations.trackers import registry
from chalicelib.settings import settings
from tests.conftest import RUNNER_TOKEN, Stage
from tests.fakes.tracker import Answer, Item
from tests.fakes.trackers import CREDENTIAL, FAKES, FakeTracker, serving
from tests.support.build_account import Account, ends

pytestmark = pytest.mark.usefixtures("loopback")

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=sorted(FAKES))
def tracker(request: pytest.FixtureRequest, stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES[request.param](lambda: stage.now)) as fake:
        yield fake


@pytest.fixture
def github(stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES["github"](lambda: stage.now)) as fake:
        yield fake


def provided(stage: Stage, fake: FakeTracker, config: dict[str, str] | None = None) -> str:
    body = {"source": fake.source, "config": config or fake.config, "credential": CREDENTIAL}
    made = stage.ok("POST", "/api/tickets/providers", body)["provider"]
    assert made["config"] == (config or fake.config)
    return str(made["id"])


def fired(stage: Stage, fake: FakeTracker, **more: Any) -> tuple[Item, str]:
    """Let a ticket with the label fire; return it, and its task."""
    body = {
        "type": "standalone",
        "name": "Fix",
        "title": "{{ticketTitle}}",
        "prompt": "Do {{title}}",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": [{"type": "ticket", "config": {"source": fake.source, "labels": ["agent"]}}],
        **more,
    }
    made = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.settle()
    stage.pass_time(MINUTE)
    item = fake.add("agent", comments=["Somebody said this."])
    stage.pass_time(MINUTE)
    (run,) = stage.ok("GET", f"/api/tasks/{made}/runs")["runs"]
    return item, str(run["id"])


def runner(stage: Stage, path: str, body: dict[str, Any]) -> Any:
    status, answer = stage.call("POST", f"/api/runner/{path}", body, token=RUNNER_TOKEN)
    assert status in (200, 204), answer
    return answer


def claimed(stage: Stage) -> dict[str, Any]:
    job: dict[str, Any] = runner(stage, "claim", {"runner": "r1"})["job"]
    stage.settle()
    return job


def ended(stage: Stage, job: dict[str, Any], **end: Any) -> None:
    here = {"runId": job["runId"], "attempt": job["attempt"]}
    runner(stage, "report", {**here, "outcome": "succeeded", **end})
    stage.settle()


def events(stage: Stage, run: str) -> list[tuple[str, str]]:
    found = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
    return [(one["trigger"], one["message"]) for one in found]


def test_one_comment_is_made_when_work_starts_and_edited_when_it_ends(
    stage: Stage, tracker: FakeTracker
):
    provided(stage, tracker, tracker.done)
    item, run = fired(stage, tracker)
    assert item.ours == []

    job = claimed(stage)
    (said,) = item.ours
    assert "is working" in tracker.text(said)
    ended(stage, job, agent={"costUsd": 0.25})

    assert item.ours == [said]
    assert said.edits == 1
    for part in ("Done", "Ticket 1", "$0.25"):
        assert part in tracker.text(said), part
    assert not item.open
    assert item.labels == ["agent", "by-agent"]
    stage.pass_time(5 * MINUTE)
    assert said.edits == 1
    assert [who for who, _ in events(stage, run)] == ["ticket", "admission", "runner", "runner"]


def test_a_ticket_whose_prompt_no_row_holds_hears_of_its_task_all_the_same(
    stage: Stage, github: FakeTracker
):
    noise = Random(1).randbytes(100_000).hex()
    provided(stage, github)
    item, _ = fired(stage, github, prompt=noise)

    assert noise in claimed(stage)["prompt"]
    (said,) = item.ours
    assert "is working" in github.text(said)


def test_a_ticket_hears_of_a_build_that_came_to_nothing(
    stage: Stage, github: FakeTracker, monkeypatch: pytest.MonkeyPatch
):
    account = Account()
    monkeypatch.setitem(settings.__dict__, "runner", "codebuild")
    account.plug_in()
    provided(stage, github)
    item, _ = fired(stage, github, maxRetries=0)

    ends(stage, account.asked[-1])
    stage.settle()

    (said,) = item.ours
    assert "the task failed" in github.text(said)


def test_a_task_that_waits_for_two_months_keeps_a_prompt_that_no_row_holds(
    stage: Stage, github: FakeTracker
):
    noise = Random(1).randbytes(100_000).hex()
    provided(stage, github)
    fired(stage, github, prompt=noise)
    for _ in range(2):
        stage.now += timedelta(days=60)
        stage.pass_time(MINUTE)
    assert noise in claimed(stage)["prompt"]


def test_a_provider_that_was_told_nothing_changes_no_state(stage: Stage, tracker: FakeTracker):
    provided(stage, tracker)
    item, _ = fired(stage, tracker)

    ended(stage, claimed(stage))

    assert (item.open, item.labels, len(item.ours)) == (True, ["agent"], 1)


def test_a_failure_is_told_with_its_first_line_and_leaves_the_ticket_open(
    stage: Stage, tracker: FakeTracker
):
    provided(stage, tracker, tracker.done)
    item, run = fired(stage, tracker)

    said = "the agent ended with 1 @ann #7\nand here come its last lines"
    ended(stage, claimed(stage), outcome="failed", errorMessage=said)

    (comment,) = item.ours
    text = tracker.text(comment)
    assert "the task failed: the agent ended with 1" in text
    assert "last lines" not in text
    assert item.open
    if tracker.source in ("github", "linear"):
        assert "@ann" not in text
        assert "#7" not in text
    stage.ok("POST", f"/api/tasks/{run}/retry")
    stage.settle()
    ended(stage, claimed(stage))
    assert item.ours == [comment]
    assert not item.open


def test_a_comment_of_ours_carries_the_mark_that_the_loop_guard_knows(
    stage: Stage, tracker: FakeTracker
):
    provided(stage, tracker)
    item, run = fired(stage, tracker)
    claimed(stage)
    (said,) = item.ours
    raw = said.text if isinstance(said.text, str) else tracker.text(said)
    assert run_marker.marked_run_ids(raw) == [run]
    assert run_marker.marked_run_ids("\n".join(f"> {line}" for line in raw.splitlines())) == []


@pytest.mark.parametrize("shape", [("comment", "body"), ("data", "body")], ids=["github", "linear"])
def test_a_comment_of_ours_never_fires_the_definition_it_came_from(
    stage: Stage, github: FakeTracker, shape: tuple[str, str]
):
    hook = {"type": "webhook", "config": {"path": "comments"}}
    ticket = {"type": "ticket", "config": {"source": "github", "labels": ["agent"]}}
    provided(stage, github)
    item, run = fired(stage, github, triggers=[ticket, hook])
    claimed(stage)
    (said,) = item.ours

    outer, inner = shape
    payload = {"action": "created", outer: {inner: said.text}}
    assert stage.call("POST", "/api/hooks/comments", payload, token="")[1]["skipped"] == "loop"
    quoted = {outer: {inner: f"> {run_marker.visible_marker(run)}\n\nWhat is this?"}}
    assert stage.call("POST", "/api/hooks/comments", quoted, token="")[0] == 202


def test_where_comments_are_off_only_the_state_changes(stage: Stage, tracker: FakeTracker):
    provided(stage, tracker, {**tracker.done, "comments": "off"})
    item, _ = fired(stage, tracker)

    ended(stage, claimed(stage))

    assert (item.ours, item.open) == ([], False)


def test_a_call_that_was_done_though_it_failed_leaves_one_comment(
    stage: Stage, tracker: FakeTracker
):
    provided(stage, tracker, tracker.done)
    item, _ = fired(stage, tracker)
    answers = iter([(502, {}, {"message": "bad gateway"})])

    def late(method: str, path: str) -> Answer | None:
        writes = method != "GET" and item.ours
        return next(answers, None) if writes else None

    tracker.late = late
    job = claimed(stage)
    assert next(answers, None) is None
    stage.pass_time(MINUTE)
    ended(stage, job)

    assert len(item.ours) == 1
    assert "Done" in tracker.text(item.ours[0])


class Died(BaseException):
    """The process is gone."""


class Dying:
    """Lets the step die after a call of this number, to the tracker or to the store of runs."""

    def __init__(self, fatal: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fatal, self.calls, self.on = fatal, 0, False
        runs: Any = wiring.get_world().runs
        monkeypatch.setattr(runs, "put", self.counted(runs.put))
        opened = registry.RealTrackers.open_tracker

        def open_(real: Any, *given: Any) -> Any:
            made: Any = opened(real, *given)
            for name in ("find_comment", "write_comment", "finish_ticket"):
                setattr(made, name, self.counted(getattr(made, name)))
            return made

        monkeypatch.setattr(registry.RealTrackers, "open_tracker", open_)

    def counted(self, real: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            done = real(*given, **named)
            self.calls += self.on
            if self.on and self.calls == self.fatal:
                raise Died
            return done

        return call

    def settle(self, stage: Stage) -> None:
        self.on = True
        try:
            stage.settle()
        except Died:
            pass
        finally:
            self.on = False


@pytest.mark.parametrize(
    "fatal", [pytest.param(n, marks=[pytest.mark.slow] if n % 2 else []) for n in range(1, 9)]
)
def test_one_comment_stays_whichever_call_the_step_dies_after(
    stage: Stage, tracker: FakeTracker, fatal: int, monkeypatch: pytest.MonkeyPatch
):
    provided(stage, tracker, tracker.done)
    item, run = fired(stage, tracker)
    dying = Dying(fatal, monkeypatch)
    here = {"runId": run, "attempt": 1}

    runner(stage, "claim", {"runner": "r1"})
    for _ in range(2):
        dying.settle(stage)
        stage.now += timedelta(seconds=60)
        runner(stage, "beat", {**here, "stage": "agent"})
    assert len(item.ours) == 1 or dying.calls == fatal
    runner(stage, "report", {**here, "outcome": "succeeded"})
    for _ in range(3):
        dying.settle(stage)
        stage.pass_time(MINUTE)

    assert dying.calls >= fatal
    (said,) = item.ours
    assert "Done" in tracker.text(said)
    assert not item.open


@pytest.mark.usefixtures("punctual")
def test_a_tracker_that_is_down_is_asked_again_and_never_fails_the_task(
    stage: Stage, tracker: FakeTracker
):
    provided(stage, tracker, tracker.done)
    item, run = fired(stage, tracker)
    tracker.broken = lambda: (503, {}, {"message": "down"})
    job = claimed(stage)
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["state"] == "running"
    tracker.broken = lambda: None
    stage.now += timedelta(seconds=10)
    runner(stage, "beat", {"runId": run, "attempt": 1, "stage": "agent"})
    stage.pass_time(MINUTE)
    assert len(item.ours) == 1

    tracker.broken = lambda: (503, {}, {"message": "down"})
    ended(stage, job)
    stage.pass_time(10 * MINUTE)

    task = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (task["state"], task["errorMessage"]) == ("completed", None)
    who, said = events(stage, run)[-1]
    assert who == "ticket"
    assert "has no comment yet" in said
    assert "503" in said

    tracker.broken = lambda: None
    before = item.ours[0].text
    stage.pass_time(11 * MINUTE)
    assert item.ours[0].text != before
    assert events(stage, run)[-1] == (who, said)


def test_a_credential_that_may_only_read_is_said_at_once(stage: Stage, github: FakeTracker):
    provided(stage, github, github.done)
    _item, run = fired(stage, github)
    github.late = lambda method, path: (
        (403, {}, {"message": "Resource not accessible"}) if method != "GET" else None
    )

    ended(stage, claimed(stage))

    told = [said for who, said in events(stage, run) if who == "ticket" and "403" in said]
    assert len(told) == 2  # once for each thing there was to say
    assert "give it the rights" in told[0]
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["state"] == "completed"


def test_a_rate_limit_is_waited_for_and_counts_as_no_failure(stage: Stage, tracker: FakeTracker):
    provided(stage, tracker)
    item, _ = fired(stage, tracker)
    limits = iter([tracker.limit() for _ in range(1)])
    tracker.broken = lambda: next(limits, None)
    claimed(stage)
    assert item.ours == []
    asked = len(tracker.requests)
    stage.now += timedelta(seconds=60)
    stage.settle()
    assert len(tracker.requests) == asked


@pytest.mark.parametrize(
    "source, name", [("linear", "doneState"), ("linear", "doneLabel"), ("jira", "doneState")]
)
def test_a_state_or_label_that_is_not_there_says_which_field_to_mend(
    stage: Stage, source: str, name: str
):
    with serving(FAKES[source](lambda: stage.now)) as fake:
        provided(stage, fake, {**fake.config, name: "Nowhere"})
        item, run = fired(stage, fake)
        ended(stage, claimed(stage))

        who, said = events(stage, run)[-1]
        assert who == "ticket"
        assert "Nowhere" in said
        assert name in said
        assert "Done" in fake.text(item.ours[0])


def test_what_a_provider_answers_may_be_edited_but_not_which_place_it_is(
    stage: Stage, github: FakeTracker
):
    path = f"/api/tickets/providers/{provided(stage, github)}"
    edited = stage.ok("PATCH", path, {"config": github.done})["provider"]
    assert edited["config"] == github.done
    for config, field in (
        ({**github.done, "repo": "acme/api"}, "config.repo"),
        ({**github.done, "doneState": "Done"}, "config.doneState"),
        ({**github.done, "comments": "maybe"}, "config.comments"),
    ):
        status, answer = stage.call("PATCH", path, {"config": config})
        assert status == 400
        assert [fault["field"] for fault in answer["details"]] == [field]
    notion = {"dataSourceId": "ds-1", "doneState": "Done"}
    body = {"source": "notion", "credential": "x", "config": notion}
    status, answer = stage.call("POST", "/api/tickets/providers", body)
    assert (status, answer["details"][0]["field"]) == (400, "config.statusProperty")


def test_a_reply_beside_it_costs_nobody_the_end_of_a_job(
    stage: Stage, github: FakeTracker, monkeypatch: pytest.MonkeyPatch
):
    provided(stage, github)
    _, run = fired(stage, github)
    job = claimed(stage)
    runs: Any = wiring.get_world().runs
    real, times = runs.get, iter(range(3))

    def get(run_id: str) -> Any:
        found = real(run_id)
        if next(times, None) is not None:
            runs.put(replace(found, version=found.version + 1), found)
        return found

    monkeypatch.setattr(runs, "get", get)
    ended(stage, job)

    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["state"] == "completed"


def test_a_label_that_we_gave_never_fires_the_definition_it_came_from(
    stage: Stage, github: FakeTracker
):
    """By its own second trigger, and by a webhook about it."""
    provided(stage, github, {**github.config, "doneLabel": "by-agent"})
    waits = [
        {"type": "ticket", "config": {"source": "github", "labels": [label]}}
        for label in ("agent", "By-Agent")
    ]
    hook = {"type": "webhook", "config": {"path": "labels"}}
    item, run = fired(stage, github, triggers=[*waits, hook])
    ended(stage, claimed(stage))
    assert item.labels == ["agent", "by-agent"]
    stage.pass_time(3 * MINUTE)

    task = stage.ok("GET", f"/api/tasks/{run}")["task"]["metadata"]["taskConfigId"]
    ledger = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert [(one["outcome"], one["reason"]) for one in ledger] == [
        ("skipped", "loop"),
        ("fired", None),
    ]
    told = {
        "action": "labeled",
        "label": {"name": "by-agent"},
        "issue": {"number": item.number, "body": "Please."},
        "repository": {"full_name": "acme/web"},
    }
    assert stage.call("POST", "/api/hooks/labels", told, token="")[1]["skipped"] == "loop"
    other = {**told, "label": {"name": "urgent"}}
    assert stage.call("POST", "/api/hooks/labels", other, token="")[0] == 202
    another = github.add("by-agent")
    stage.pass_time(MINUTE)
    ledger = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert (ledger[0]["occurrence"], ledger[0]["outcome"]) == (
        f"github:acme/web#{another.number}",
        "fired",
    )
