"""The tick and the steps of a run when a part of the store cannot be read or written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions import due_messages
from chalicelib.actions.jobs import jobs, reports
from chalicelib.actions.notifications import announce
from chalicelib.actions.scheduler import run_due, tick
from chalicelib.domain.messages import ResolveAnnouncement, decode_message, encode_message
from chalicelib.domain.runs.state import State
from tests.conftest import NOON
from tests.simulation.memory import MemoryQueue
from tests.support.core_stage import (
    MINUTE,
    SECOND,
    STORES,
    Shards,
    Stage,
    deliver,
    fail_once,
    with_due,
)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(wiring, "get_world", lambda: made.world)
    return made


def test_a_failing_read_leaves_the_deadline_of_a_running_run_alone(stage: Stage):
    run = stage.started()
    stage.now += 30 * SECOND
    for _ in range(12):
        fail_once(stage.world.runs, "get")
        deliver({"step": "run", "runId": run.id})
    after = stage.world.runs.get(run.id)
    assert (after.state, after.due_at, after.failures) == (State.RUNNING, run.due_at, 0)


def test_a_sync_that_was_sent_before_an_upgrade_is_handed_on(stage: Stage):
    message = {"step": "sync", "providerId": "p"}
    deliver(message)
    assert stage.world.remote_queue.sent == [(message, timedelta(0))]


def test_a_failing_step_of_a_due_run_is_tried_again_later_by_its_own_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    run = stage.started()
    assert run.due_at is not None
    stage.now = run.due_at
    stage.world.steps_queue.sent.clear()
    monkeypatch.setattr(run_due, "_handle_silent", lambda world, run: 1 / 0)
    deliver({"step": "run", "runId": run.id})
    after = stage.world.runs.get(run.id)
    assert (after.failures, after.due_at) == (1, stage.now + 5 * SECOND)
    assert ({"step": "run", "runId": run.id}, 5 * SECOND) in stage.world.steps_queue.sent


def test_a_beat_resets_the_failures_of_a_run(stage: Stage):
    run = stage.started()
    failing = replace(run, failures=9, version=run.version + 1)
    stage.world.runs.put(failing, run)
    stage.now += 20 * SECOND
    jobs.record_heartbeat(stage.world, run.id, run.attempt, "agent", ())
    assert stage.world.runs.get(run.id).failures == 0


@pytest.mark.parametrize("early", [timedelta(0), timedelta(milliseconds=1), 0.999 * SECOND])
def test_a_message_for_a_run_waits_out_the_rest_of_a_second(stage: Stage, early: timedelta):
    run = stage.started()
    assert run.due_at is not None
    stage.now = run.due_at - early
    run_due.handle_due_run(stage.world, run.id)
    assert stage.world.runs.get(run.id).state is State.QUEUED
    assert stage.now == run.due_at


def test_a_message_for_a_run_that_is_far_too_early_does_nothing(stage: Stage):
    run = stage.started()
    assert run.due_at is not None
    stage.now = run.due_at - 2 * SECOND
    run_due.handle_due_run(stage.world, run.id)
    assert stage.world.runs.get(run.id) == run
    assert stage.now == run.due_at - 2 * SECOND


# The tick


class FullQueue:
    def send_messages(self, messages: Any) -> None:
        raise ConnectionError("the queue does not answer")


def sent(world: Any) -> set[str]:
    queues = [getattr(world, name) for name in set(due_messages.QUEUES.values())]
    rows = [body for queue in queues if isinstance(queue, MemoryQueue) for body, _ in queue.sent]
    keys = ("triggerId", "runId", "providerId", "place")
    return {next(row[key] for key in keys if key in row) for row in rows}


@pytest.mark.parametrize("broken", STORES)
def test_a_shard_that_cannot_be_read_keeps_no_other_row_from_its_message(
    stage: Stage, broken: str, caplog: pytest.LogCaptureFixture
):
    with_due(stage.world, broken)
    with pytest.raises(tick.IncompleteTick, match=f"shard 1 of {broken}"):
        tick.run_tick(stage.world)
    assert len(sent(stage.world)) == 4 * 3 - 1
    assert stage.world.markers.last_time("tick") == NOON

    with_due(stage.world)
    stage.now += MINUTE
    assert tick.run_tick(stage.world) == 4 * 3


@pytest.mark.parametrize("queue", sorted(set(due_messages.QUEUES.values())))
def test_a_queue_that_takes_nothing_keeps_no_other_from_its_messages(stage: Stage, queue: str):
    with_due(stage.world)
    setattr(stage.world, queue, FullQueue())
    with pytest.raises(tick.IncompleteTick, match="messages for each due"):
        tick.run_tick(stage.world)
    assert len(sent(stage.world)) == 9


def test_triggers_come_first_and_leave_time_for_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    with_due(stage.world)
    herd: list[list[datetime] | Exception] = [[NOON] * 100]
    stage.world.triggers = Shards("trigger", herd)
    order: list[str] = []
    for name in sorted(set(due_messages.QUEUES.values())):

        def send(messages: Any, name: str = name) -> None:
            order.append(name)
            stage.now += 6 * SECOND

        monkeypatch.setattr(getattr(stage.world, name), "send_messages", send)
    monkeypatch.setattr(tick, "MAX_ROWS_PER_SEND", 10)
    tick.run_tick(stage.world)
    assert order[0] == "fire_queue"
    assert {"steps_queue", "remote_queue", "notify_queue"} <= set(order)


def test_a_promise_whose_change_never_comes_is_looked_for_a_few_times(stage: Stage):
    until = (stage.now + 10 * MINUTE).isoformat()
    looked = 0
    pending = [(encode_message(ResolveAnnouncement("task.failed", "none", "e", until)), 2 * SECOND)]
    while pending:
        looked += 1
        stage.now += pending[0][1]
        stage.world.notify_queue.sent.clear()
        announce.resolve_intent(stage.world, decode_message(pending[0][0], ResolveAnnouncement))
        pending = list(stage.world.notify_queue.sent)
    assert looked <= 7
    assert stage.now >= NOON + 10 * MINUTE


def test_reports_with_long_errors_leave_a_row_that_fits(stage: Stage):
    run = stage.started()
    for _ in range(12):
        end = reports.AttemptReport(outcome="failed", error_message="x" * 65_536, transient=True)
        reports.report_attempt(stage.world, run.id, run.attempt, end)
        row = stage.world.runs.get(run.id)
        again = replace(row, version=row.version + 1, retry_count=0, not_before=None)
        stage.world.runs.put(replace(again, state=State.RUNNING, attempt=row.attempt), row)
        run = stage.world.runs.get(run.id)
    assert all(len(one.error_message or "") <= 2048 for one in run.attempts)
    assert all(len(one.message) <= 2048 for one in run.history)
