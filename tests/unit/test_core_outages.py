"""Two hours without AWS, a forge or a tracker: nothing is disabled, and all continues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.firing import due_schedules, trigger_failures
from chalicelib.actions.jobs import refusals
from chalicelib.actions.runs import circuit_breaker, transitions
from chalicelib.actions.runs import runs as run_actions
from chalicelib.actions.scheduler import tick
from chalicelib.domain import limits
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Busy, Conflict
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.trigger import (
    CatchUp,
    OnSchedule,
    Overlap,
    ScheduleSettings,
    Trigger,
)
from chalicelib.pipeline import notification_steps as announcing
from chalicelib.pipeline import run_steps
from tests.conftest import NOON
from tests.simulation.memory import NoMetrics
from tests.support.core_owner import owner
from tests.support.core_stage import MINUTE, SECOND, Stage, deliver, fail_once


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "TransactWriteItems")


OUTAGES: list[Exception] = [
    refusal("ThrottlingException"),
    refusal("TransactionConflictException"),
    refusal("AccessDeniedException"),
    refusal("KMSAccessDeniedException"),
    refusal("KmsDisabled"),
    refusal("InternalServerError", 500),
    Busy(),
    ReadTimeoutError(endpoint_url="https://dynamodb"),
]


class Overdue(NoMetrics):
    def __init__(self) -> None:
        self.longest = timedelta(0)

    def record_tick(self, sent: int, overdue: timedelta) -> None:
        self.longest = max(self.longest, overdue)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    made.world.metrics = Overdue()
    monkeypatch.setattr(wiring, "get_world", lambda: made.world)
    return made


def scheduled(stage: Stage) -> Trigger:
    every_five = ScheduleSettings(
        cron="*/5 * * * *", overlap=Overlap.ALLOW, catch_up=CatchUp.ONE, jitter_seconds=0
    )
    trigger = OnSchedule(
        id="t",
        blueprint_id="d",
        blueprint_kind="standalone",
        schedule=every_five,
        created_at=NOON,
        updated_at=NOON,
    )
    blueprints.create_blueprint(stage.world, owner(), [trigger])
    found: Trigger = stage.world.triggers.get("t")
    return found


@contextmanager
def away(store: Any, name: str, error: Exception) -> Iterator[None]:
    def call(*given: Any, **named: Any) -> Any:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, name, call)
        yield


def let_pass(stage: Stage, span: timedelta) -> None:
    """Let ticks and the messages of schedules come, as they do on AWS."""
    until = stage.now + span
    while stage.now < until:
        tick.run_tick(stage.world)
        ends = min(until, stage.now + MINUTE)
        while stage.now < ends:
            messages = stage.world.fire_queue.sent
            stage.world.fire_queue.sent = [(b, delay - SECOND) for b, delay in messages if delay]
            pairs = {(b["triggerId"], b["definitionId"]) for b, delay in messages if not delay}
            if pairs:
                due_schedules.fire_due_triggers(stage.world, pairs)
            stage.now = min(ends, stage.now + SECOND)


@pytest.mark.parametrize("error", OUTAGES[:1] + OUTAGES[-1:], ids=str)
@pytest.mark.parametrize("call", ["read_contexts", "save_progress", "commit_decision"])
def test_hours_of_an_outage_leave_a_schedule_enabled(stage: Stage, error: Exception, call: str):
    scheduled(stage)
    store = stage.world.firings if call == "commit_decision" else stage.world.triggers
    with away(store, call, error), away(stage.world.firings, "commit_decision", error):
        let_pass(stage, timedelta(minutes=25))
        trigger = stage.world.triggers.get("t")
        assert (trigger.enabled, trigger.failures) == (True, 0)
        assert trigger.next_fire_at == NOON + 5 * MINUTE
    # The alarm looks at the oldest row that is due: it shows that nothing fires.
    assert stage.world.metrics.longest > timedelta(minutes=10)

    let_pass(stage, timedelta(minutes=20))
    firings = [row[0] for row in stage.world.tables.all("firings")]
    assert any(one.run_id and one.fired_at > NOON + 25 * MINUTE for one in firings)


def test_one_lost_race_makes_a_schedule_seconds_late(stage: Stage):
    scheduled(stage)
    stage.now = NOON + 5 * MINUTE
    fail_once(stage.world.firings, "commit_decision")
    due_schedules.fire_due_triggers(stage.world, [("t", "d")])
    trigger = stage.world.triggers.get("t")
    assert (trigger.due_at, trigger.failures) == (stage.now + 5 * SECOND, 0)
    message = {"step": "fire", "triggerId": "t", "definitionId": "d"}
    assert (message, 5 * SECOND) in stage.world.fire_queue.sent


def test_a_bug_that_comes_again_disables_a_schedule_at_the_tenth_time(stage: Stage):
    scheduled(stage)
    stage.now = NOON + 5 * MINUTE
    for _ in range(trigger_failures.MAX_FAILURES):
        assert stage.world.triggers.get("t").enabled
        trigger_failures.count_trigger_failure(stage.world, "t", KeyError("x"))
        stage.now += 10 * MINUTE
    assert not stage.world.triggers.get("t").enabled
    assert "KeyError" in stage.world.triggers.get("t").disabled_reason


@pytest.mark.parametrize("error", OUTAGES, ids=str)
def test_an_outage_fails_no_run_and_leaves_it_due(stage: Stage, error: Exception):
    run = run_actions.start_run(stage.world, owner(), {}, stored=False)
    for _ in range(25):
        stage.now += 5 * MINUTE
        with away(stage.world.runs, "put", error), away(stage.world.slots, "take_slots", error):
            deliver({"step": "run", "runId": run.id})
    after = stage.world.runs.get(run.id)
    assert (after.state, after.failures, after.due_at) == (State.QUEUED, 0, run.due_at)
    deliver({"step": "run", "runId": run.id})
    assert stage.world.runs.get(run.id).state is State.PROVISIONING


def test_a_bug_that_comes_again_fails_a_run(stage: Stage):
    run = run_actions.start_run(stage.world, owner(), {}, stored=False)
    for _ in range(trigger_failures.MAX_FAILURES):
        stage.now += 11 * MINUTE
        with away(stage.world.slots, "take_slots", KeyError("x")):
            deliver({"step": "run", "runId": run.id})
    assert stage.world.runs.get(run.id).state is State.FAILED


def test_a_forge_without_a_token_is_waited_for_ever_longer(stage: Stage):
    run = run_actions.start_run(stage.world, owner(), {}, stored=False)
    waits = []
    for _ in range(40):
        run = transitions.transition_run(
            stage.world, run, State.PROVISIONING, by="admission", message="admitted"
        )
        refusals.refuse_without_token(
            stage.world, run, ForgeError("unavailable", "502", passes=True)
        )
        run = stage.world.runs.get(run.id)
        assert run.state is State.QUEUED
        assert run.not_before is not None
        waits.append(run.not_before - stage.now)
        stage.now = run.not_before
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (30 * SECOND, 10 * MINUTE)


# The breaker


def failed(number: int, **more: Any) -> Run:
    at = NOON + number * MINUTE
    run = Run(
        id=f"00000000-0000-4000-8000-{number:012d}",
        type="workflow-run",
        title="t",
        firing_id="f",
        created_at=at,
        updated_at=at,
        completed_at=at,
        state=State.FAILED,
        blueprint_id="d",
        error_class="agent",
    )
    return replace(moved(run), **more)


def moved(run: Run) -> Run:
    queued = replace(run, state=State.RUNNING)
    return transitions.move_run(queued, State.FAILED, by="runner", message="no", at=run.created_at)


def put_all(stage: Stage, runs: list[Run]) -> None:
    for run in runs:
        stage.world.tables.rows["runs"][run.id] = run


def test_the_breaker_reads_runs_as_they_are_before_it_pauses(stage: Stage):
    blueprints.create_blueprint(stage.world, owner(), [])
    runs = [failed(number) for number in range(6)]
    put_all(stage, runs)
    shown = list(runs)
    succeeded = replace(runs[3], state=State.COMPLETED, error_class=None)
    put_all(stage, [succeeded])
    for late in (runs[3], replace(succeeded, state=State.RUNNING)):
        shown[3] = late
        page = (list(reversed(shown)), None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.world.runs, "list_of_blueprint", lambda *given, page=page: page)
            circuit_breaker.pause_after_failures(stage.world, runs[5])
        assert stage.world.blueprints.get("d").enabled

    put_all(stage, [runs[3]])
    circuit_breaker.pause_after_failures(stage.world, runs[5])
    assert not stage.world.blueprints.get("d").enabled


@pytest.mark.parametrize(
    "kind",
    [
        {"error_class": "forge_unavailable"},
        {"error_class": "forge_rate_limited"},
        {"error_class": "network", "stage": "clone"},
    ],
)
def test_a_forge_that_is_away_says_nothing_of_a_definition(stage: Stage, kind: dict[str, str]):
    blueprints.create_blueprint(stage.world, owner(), [])
    away_runs = [failed(number, **kind) for number in range(6)]
    put_all(stage, away_runs)
    circuit_breaker.pause_after_failures(stage.world, away_runs[5])
    assert stage.world.blueprints.get("d").enabled

    # Nor does it end a row of failures that do.
    more = [failed(number) for number in (10, 11, 13, 14, 15)]
    put_all(stage, [*more, failed(12, **kind)])
    circuit_breaker.pause_after_failures(stage.world, more[-1])
    assert not stage.world.blueprints.get("d").enabled


@pytest.mark.parametrize(
    "error, dead", [(refusal("ThrottlingException"), False), (KeyError("x"), True)]
)
def test_an_admission_in_an_outage_ends_up_among_no_dead_letters(
    stage: Stage, error: Exception, dead: bool
):
    record = {"messageId": "1", "body": '{"step": "admit", "key": "repo#x"}', "receiptHandle": "r"}
    with away(stage.world.run_sets, "held_runs", error):
        failed = run_steps.advance({"Records": [record]}, None)["batchItemFailures"]
    assert bool(failed) is dead


@pytest.mark.parametrize(
    "error, dead", [(refusal("ThrottlingException"), False), (KeyError("x"), True)]
)
def test_an_announced_change_is_checked_again_after_an_outage(
    stage: Stage, error: Exception, dead: bool
):
    until = (NOON + 10 * MINUTE).isoformat()
    message = {"step": "tell", "event": "task.failed", "of": "r", "entry": "e", "until": until}
    record = {"messageId": "1", "body": json.dumps(message), "receiptHandle": "r"}
    with away(stage.world.runs, "get", error):
        failed = announcing.notify({"Records": [record]}, None)["batchItemFailures"]
    assert bool(failed) is dead
    again = [(message, timedelta(minutes=5))]
    assert stage.world.notify_queue.sent == ([] if dead else again)


# The row of a definition's active runs


def crowded(stage: Stage, working: int, ended: int = 0) -> Blueprint:
    minding = replace(owner(), tracks_active=True)
    blueprints.create_blueprint(stage.world, minding, [])
    held = []
    for number in range(working + ended):
        state = State.RUNNING if number < working else State.COMPLETED
        other = replace(failed(number), state=state)
        stage.world.tables.rows["runs"][other.id] = other
        held.append(other.id)
    stage.world.run_sets.hold_runs(minding.active_key, held)
    stored = replace(stage.world.blueprints.get("d"), tracks_active=True)
    stage.world.tables.rows["blueprints"]["d"] = stored
    return stored


def test_a_definition_whose_row_of_active_runs_is_full_starts_no_more(stage: Stage):
    blueprint = crowded(stage, limits.MAX_ACTIVE_RUNS)
    with pytest.raises(
        Conflict, match="1,000 tasks of this blueprint are already queued or running"
    ):
        run_actions.start_run(stage.world, blueprint, {})
    assert len(stage.world.run_sets.held_runs(blueprint.active_key)) == limits.MAX_ACTIVE_RUNS


@pytest.mark.parametrize(
    "working, ended", [(limits.MAX_ACTIVE_RUNS - 1, 0), (10, limits.MAX_ACTIVE_RUNS)]
)
def test_runs_that_have_ended_fill_no_row(stage: Stage, working: int, ended: int):
    blueprint = crowded(stage, working, ended)
    assert run_actions.start_run(stage.world, blueprint, {}).state is State.QUEUED
