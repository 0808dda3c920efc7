"""The tick and the steps of a run when a part of the store cannot be read or written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions import (
    admission,
    jobs,
    notifying,
    reporting,
    runs,
    sending,
    ticking,
    watching,
)
from chalicelib.domain.blueprint import Blueprint, Kind
from chalicelib.domain.run import Run, State
from chalicelib.pipeline import running
from chalicelib.ports import Due
from tests.conftest import NOON
from tests.simulation.memory import MemoryQueue, MemoryWorld

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Stage:
    """A stage in memory, under a clock that its waits move on."""

    def __init__(self) -> None:
        self.now = NOON
        self.world: Any = MemoryWorld(lambda: self.now, self._wait)

    def _wait(self, span: timedelta) -> None:
        self.now += span

    def started(self) -> Run:
        """Return a run that a runner works on."""
        owner = Blueprint(
            id="d",
            kind=Kind.STANDALONE,
            name="Watch",
            title="Watch",
            prompt="Go.",
            agent_type="command",
            agent_command="true",
            created_at=NOON,
            updated_at=NOON,
        )
        run = runs.start(self.world, owner, {}, stored=False)
        admission.admit(self.world, run.queue_key)
        job = jobs.claim(self.world, "r1")
        assert job is not None
        return job.run


def fail_once(store: Any, name: str) -> None:
    """Let the next call of a store fail, as one does whose answer never comes."""
    real = getattr(store, name)

    def call(*given: Any) -> Any:
        setattr(store, name, real)
        raise TimeoutError("read timeout")

    setattr(store, name, call)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(wiring, "world", lambda: made.world)
    return made


def deliver(message: dict[str, str]) -> None:
    record = {"messageId": "1", "body": json.dumps(message), "receiptHandle": "r"}
    assert running.advance({"Records": [record]}, None) == {"batchItemFailures": []}


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
    monkeypatch.setattr(watching, "_silent", lambda world, run: 1 / 0)
    deliver({"step": "run", "runId": run.id})
    after = stage.world.runs.get(run.id)
    assert (after.failures, after.due_at) == (1, stage.now + 5 * SECOND)
    assert ({"step": "run", "runId": run.id}, 5 * SECOND) in stage.world.steps_queue.sent


def test_a_beat_resets_the_failures_of_a_run(stage: Stage):
    run = stage.started()
    failing = replace(run, failures=9, version=run.version + 1)
    stage.world.runs.put(failing, run)
    stage.now += 20 * SECOND
    jobs.beat(stage.world, run.id, run.attempt, "agent", ())
    assert stage.world.runs.get(run.id).failures == 0


@pytest.mark.parametrize("early", [timedelta(0), timedelta(milliseconds=1), 0.999 * SECOND])
def test_a_message_for_a_run_waits_out_the_rest_of_a_second(stage: Stage, early: timedelta):
    run = stage.started()
    assert run.due_at is not None
    stage.now = run.due_at - early
    watching.look_after(stage.world, run.id)
    assert stage.world.runs.get(run.id).state is State.QUEUED
    assert stage.now == run.due_at


def test_a_message_for_a_run_that_is_far_too_early_does_nothing(stage: Stage):
    run = stage.started()
    assert run.due_at is not None
    stage.now = run.due_at - 2 * SECOND
    watching.look_after(stage.world, run.id)
    assert stage.world.runs.get(run.id) == run
    assert stage.now == run.due_at - 2 * SECOND


# The tick


class Shards:
    """A store whose due index has shards, some of which cannot be read."""

    def __init__(self, kind: str, shards: list[list[datetime] | Exception]) -> None:
        self._kind, self._shards = kind, shards

    def due_shards(self) -> int:
        return len(self._shards)

    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]:
        assert shard is not None
        rows = self._shards[shard]
        if isinstance(rows, Exception):
            raise rows
        for number, at in enumerate(rows):
            if at <= until:
                yield Due(self._kind, f"{self._kind}-{shard}-{number}", at, "d", "w")


class FullQueue:
    def send(self, messages: Any) -> None:
        raise ConnectionError("the queue does not answer")


THROTTLED = RuntimeError("throttled")
STORES = ("triggers", "runs", "providers", "deliveries")


def with_due(world: Any, broken: str | None = None) -> None:
    for name, kind in zip(STORES, ("trigger", "run", "provider", "delivery"), strict=True):
        shards: list[Any] = [[NOON], THROTTLED if name == broken else [NOON], [NOON - SECOND]]
        setattr(world, name, Shards(kind, shards))


def sent(world: Any) -> set[str]:
    queues = [getattr(world, name) for name in set(sending.QUEUES.values())]
    rows = [body for queue in queues if isinstance(queue, MemoryQueue) for body, _ in queue.sent]
    keys = ("triggerId", "runId", "providerId", "place")
    return {next(row[key] for key in keys if key in row) for row in rows}


@pytest.mark.parametrize("broken", STORES)
def test_a_shard_that_cannot_be_read_keeps_no_other_row_from_its_message(
    stage: Stage, broken: str, caplog: pytest.LogCaptureFixture
):
    with_due(stage.world, broken)
    with pytest.raises(ticking.Incomplete, match=f"shard 1 of {broken}"):
        ticking.tick(stage.world)
    assert len(sent(stage.world)) == 4 * 3 - 1
    assert stage.world.pulses.last("tick") == NOON

    with_due(stage.world)
    stage.now += MINUTE
    assert ticking.tick(stage.world) == 4 * 3


@pytest.mark.parametrize("queue", sorted(set(sending.QUEUES.values())))
def test_a_queue_that_takes_nothing_keeps_no_other_from_its_messages(stage: Stage, queue: str):
    with_due(stage.world)
    setattr(stage.world, queue, FullQueue())
    with pytest.raises(ticking.Incomplete, match="messages for each due"):
        ticking.tick(stage.world)
    assert len(sent(stage.world)) == 9


def test_triggers_come_first_and_leave_time_for_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    with_due(stage.world)
    herd: list[list[datetime] | Exception] = [[NOON] * 100]
    stage.world.triggers = Shards("trigger", herd)
    order: list[str] = []
    for name in sorted(set(sending.QUEUES.values())):

        def send(messages: Any, name: str = name) -> None:
            order.append(name)
            stage.now += 6 * SECOND

        monkeypatch.setattr(getattr(stage.world, name), "send", send)
    monkeypatch.setattr(ticking, "AT_ONCE", 10)
    ticking.tick(stage.world)
    assert order[0] == "fire_queue"
    assert {"steps_queue", "remote_queue", "notify_queue"} <= set(order)


def test_a_promise_whose_change_never_comes_is_looked_for_a_few_times(stage: Stage):
    message = {"step": "tell", "event": "task.failed", "of": "none", "entry": "e"}
    message["until"] = (stage.now + 10 * MINUTE).isoformat()
    looked = 0
    pending = [(message, 2 * SECOND)]
    while pending:
        looked += 1
        stage.now += pending[0][1]
        stage.world.notify_queue.sent.clear()
        notifying.tell(stage.world, pending[0][0])
        pending = list(stage.world.notify_queue.sent)
    assert looked <= 7
    assert stage.now >= NOON + 10 * MINUTE


def test_reports_with_long_errors_leave_a_row_that_fits(stage: Stage):
    run = stage.started()
    for _ in range(12):
        end = reporting.Report(outcome="failed", error_message="x" * 65_536, transient=True)
        reporting.report(stage.world, run.id, run.attempt, end)
        row = stage.world.runs.get(run.id)
        again = replace(row, version=row.version + 1, retry_count=0, not_before=None)
        stage.world.runs.put(replace(again, state=State.RUNNING, attempt=row.attempt), row)
        run = stage.world.runs.get(run.id)
    assert all(len(one.error_message or "") <= 2048 for one in run.attempts)
    assert all(len(one.message) <= 2048 for one in run.history)
