"""The core over stores in memory that fail on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions.jobs import jobs
from chalicelib.actions.runs import admission, runs
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.runs.run import Run
from chalicelib.pipeline import run_steps
from chalicelib.ports import DueRow
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld

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
        run = runs.start_run(self.world, owner, {}, stored=False)
        admission.admit_queue(self.world, run.queue_id)
        job = jobs.claim_job(self.world, "r1")
        assert job is not None
        return job.run


def fail_once(store: Any, name: str) -> None:
    """Let the next call of a store fail, as one does whose answer never comes."""
    real = getattr(store, name)

    def call(*given: Any) -> Any:
        setattr(store, name, real)
        raise TimeoutError("read timeout")

    setattr(store, name, call)


def deliver(message: dict[str, str]) -> None:
    record = {"messageId": "1", "body": json.dumps(message), "receiptHandle": "r"}
    assert run_steps.advance({"Records": [record]}, None) == {"batchItemFailures": []}


class Shards:
    """A store whose due index has shards, some of which cannot be read."""

    def __init__(self, kind: str, shards: list[list[datetime] | Exception]) -> None:
        self._kind, self._shards = kind, shards

    def due_shards(self) -> int:
        return len(self._shards)

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        assert shard is not None
        rows = self._shards[shard]
        if isinstance(rows, Exception):
            raise rows
        for number, at in enumerate(rows):
            if at <= until:
                yield DueRow(self._kind, f"{self._kind}-{shard}-{number}", at, "d", "w")


THROTTLED = RuntimeError("throttled")
STORES = ("triggers", "runs", "providers", "deliveries")


def with_due(world: Any, broken: str | None = None) -> None:
    for name, kind in zip(STORES, ("trigger", "run", "provider", "delivery"), strict=True):
        shards: list[Any] = [[NOON], THROTTLED if name == broken else [NOON], [NOON - SECOND]]
        setattr(world, name, Shards(kind, shards))
