"""Runs in DynamoDB, each change guarded by the version it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.run import Attempt, Event, Run, State
from chalicelib.ports import Due
from chalicelib.settings import settings
from chalicelib.storage import codec, pages
from chalicelib.storage.records import RunRecord
from chalicelib.storage.transactions import condition_failed

LIST_SHARDS = 4
"""Parts of the list of all runs, so that no single partition takes every new one."""


def record_of(run: Run) -> RunRecord:
    """Return the row of a run. Its history stands apart: lists do not carry it."""
    kept = run.completed_at + settings.retention if run.completed_at and run.final else None
    waits_in = _waits_in(run)
    return RunRecord(
        id=run.id,
        version=run.version,
        state=run.state.value,
        data=codec.dump(replace(run, history=(), attempts=())),
        history=codec.dump((run.history, run.attempts)),
        list_shard=f"{run.type}#{int(run.id[:8], 16) % LIST_SHARDS}",
        age=codec.age(run.created_at, run.id),
        definition_id=run.definition_id,
        due_shard=codec.shard(run.id) if run.due_at else None,
        due_at=codec.sortable(run.due_at) if run.due_at else None,
        waits_in=waits_in,
        rank=run.rank if waits_in else None,
        expires_at=int(kept.timestamp()) if kept else None,
    )


def run_of(record: Any) -> Run:
    """Return the run that a whole row holds."""
    history, attempts = codec.load(
        tuple[tuple[Event, ...], tuple[Attempt, ...]],
        record.history,
    )
    return replace(codec.load(Run, record.data), history=history, attempts=attempts)


def _waits_in(run: Run) -> str | None:
    if run.state is State.QUEUED:
        return run.queue_key
    return f"pool#{run.pool}" if run.state is State.PROVISIONING else None


class DynamoRuns:
    """The store of runs."""

    def get(self, run_id: str) -> Run:
        try:
            return run_of(RunRecord.get(run_id, consistent_read=True))
        except DoesNotExist:
            raise NotFound("task", run_id) from None

    def put(self, new: Run, was: Run) -> None:
        try:
            record_of(new).save(condition=RunRecord.version == was.version)
        except PutError as error:
            if not condition_failed(error):
                raise
            raise Superseded(f"task {new.id!r} changed meanwhile") from error

    def waiting(self, key: str) -> Iterator[str]:
        for row in RunRecord.waiting.query(key, page_size=25):
            yield row.id

    def newest(self, kind: str, before: str | None, limit: int) -> tuple[list[Run], str | None]:
        rows = pages.merged(
            lambda key: pages.newest(RunRecord.newest, key, before, limit + 1),
            [f"{kind}#{number}" for number in range(LIST_SHARDS)],
        )
        return _page(rows, limit)

    def of_definition(
        self, definition_id: str, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        rows = pages.newest(RunRecord.of_definition, definition_id, before, limit + 1)
        return _page(rows, limit)

    def due(self, until: datetime) -> Iterator[Due]:
        for row in pages.due(RunRecord.due, settings.shards, codec.sortable(until)):
            yield Due("run", row.id, codec.moment(row.due_at))


def _page(rows: list[Any], limit: int) -> tuple[list[Run], str | None]:
    kept, position = pages.page(rows, limit)
    return [codec.load(Run, row.data) for row in kept], position
