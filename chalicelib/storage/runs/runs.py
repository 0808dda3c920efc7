"""Runs in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.ids import BlueprintId, QueueKey, RunId
from chalicelib.domain.page import Cursor, Page, list_position
from chalicelib.domain.runs.attempt import Attempt
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_event import RunEvent, event_id
from chalicelib.domain.runs.state import State
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import DueRow
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.parallel import run_parallel
from chalicelib.storage.dynamo.transactions import raise_superseded
from chalicelib.storage.records import RunRecord

HistoryEntry = tuple[State, str, str, datetime]
LIST_SHARDS = 4
"""Partitions of the list of all runs, so that no single one receives every new run."""


class RunHistoryColumn(NamedTuple):
    """The history and attempts of a run, in an attribute of their own that lists do not contain."""

    entries: tuple[HistoryEntry | RunEvent, ...]
    attempts: tuple[Attempt, ...]


def to_record(run: Run) -> RunRecord:
    """Return the row of a run."""
    kept_until = (
        run.completed_at + settings.retention if run.completed_at and run.is_final else None
    )
    waits_in, wakes_at = run.waits_in, run.next_due_at
    is_indexed = run.version > 1  # the firing's own transaction does not pay for these indexes
    return RunRecord(
        id=run.id,
        version=run.version,
        state=run.state.value,
        data=codec.dump_json(run, without=("history", "attempts")),
        history=_dump_history(run),
        list_shard=f"{run.type}#{_list_shard(run.id)}",
        age=list_position(run.created_at, run.id),
        blueprint_id=run.blueprint_id,
        due_shard=codec.shard_of(run.id) if wakes_at else None,
        due_at=codec.format_sortable(wakes_at) if wakes_at else None,
        waits_in=waits_in,
        rank=run.queue_sort_key if waits_in else None,
        in_state=_in_state(run.type, run.state, run.id) if is_indexed else None,
        of_repo_url=run.repo_url if is_indexed else None,
        expires_at=int(kept_until.timestamp()) if kept_until else None,
    )


def from_record(record: Any) -> Run:
    """Return the run of a complete row."""
    column = codec.load_json(RunHistoryColumn, record.history)
    run = codec.load_json(Run, record.data)
    return replace(
        run, history=tuple(_iter_events(run.id, column.entries)), attempts=column.attempts
    )


def _dump_history(run: Run) -> str:
    """Return history and attempts as text, without fields that follow from an entry's position."""
    entries = tuple(
        (event.to_state, event.trigger, event.message, event.created_at) for event in run.history
    )
    return codec.dump_json(RunHistoryColumn(entries, run.attempts))


def _iter_events(run_id: RunId, entries: Iterable[HistoryEntry | RunEvent]) -> Iterator[RunEvent]:
    source: State | None = None
    for number, entry in enumerate(entries):
        if isinstance(entry, RunEvent):  # a complete event, the format before the first release
            event = entry
        else:
            to, by, message, at = entry
            event = RunEvent(
                id=event_id(run_id, number),
                from_state=source,
                to_state=to,
                trigger=by,
                message=message,
                created_at=at,
            )
        source = event.to_state
        yield event


def _in_state(kind: str, state: State, run_id: RunId) -> str:
    return f"{kind}#{state.value}#{_list_shard(run_id)}"


def _list_shard(run_id: RunId) -> int:
    return int(run_id[:8], 16) % LIST_SHARDS


class DynamoRuns:
    """The store of runs."""

    def list_position(self, run: Run) -> Cursor:
        """Return the position of the page after this run."""
        return list_position(run.created_at, run.id)

    def get(self, run_id: RunId) -> Run:
        try:
            return from_record(RunRecord.get(run_id, consistent_read=True))
        except DoesNotExist:
            raise NotFound("task", run_id) from None

    def put(self, new: Run, was: Run) -> None:
        require_next_version(new, was)
        with raise_superseded(f"task {new.id!r}"):
            to_record(new).save(condition=RunRecord.version == was.version)

    def iter_waiting(self, key: QueueKey) -> Iterator[RunId]:
        for row in RunRecord.waiting.query(key, page_size=25):
            yield row.id

    def first_sort_key(self, key: QueueKey) -> str | None:
        """Return the rank of the most urgent run in queue `key`, or None."""
        for row in RunRecord.waiting.query(key, limit=1):
            return str(row.rank)
        return None

    def get_many(self, run_ids: Sequence[RunId]) -> list[Run]:
        """Return the existing ones of these runs, in the same order, in a consistent read."""
        records = {row.id: row for row in RunRecord.batch_get(run_ids, consistent_read=True)}
        return [from_record(records[run_id]) for run_id in run_ids if run_id in records]

    def list_newest(self, kinds: Collection[str], before: Cursor | None, limit: int) -> Page[Run]:
        return pagination.load_page(Run, _query_newest(kinds, before, limit + 1), limit)

    def list_in_state(
        self, kinds: Collection[str], state: State, before: Cursor | None, limit: int
    ) -> Page[Run]:
        rows = pagination.merge_newest(
            lambda key: pagination.query_newest(RunRecord.by_state, key, before, limit + 1),
            [f"{kind}#{state.value}#{number}" for kind in kinds for number in range(LIST_SHARDS)],
        )
        if state is State.QUEUED:
            rows += [row for row, _ in _query_young(kinds, before, limit + 1)]
        runs, position = _load_whole_page(rows, limit)
        return Page([run for run in runs if run.state is state], position)

    def list_of_repo(self, url: str, before: Cursor | None, limit: int) -> Page[Run]:
        rows = pagination.query_newest(RunRecord.by_repo, url, before, limit + 1)
        fresh = _query_young((Kind.REPO_TASK.value,), before, limit + 1)
        rows += [row for row, run in fresh if run.repo_url == url]
        return _load_whole_page(rows, limit)

    def list_of_blueprint(
        self, blueprint_id: BlueprintId, before: Cursor | None, limit: int
    ) -> Page[Run]:
        rows = pagination.query_newest(RunRecord.of_blueprint, blueprint_id, before, limit + 1)
        return pagination.load_page(Run, rows, limit)

    def list_latest(
        self, blueprint_ids: Sequence[BlueprintId], limit: int
    ) -> dict[BlueprintId, list[Run]]:
        """Return the newest runs of each blueprint, at most `limit` of each."""

        def read(key: str) -> list[Run]:
            rows = pagination.query_newest(RunRecord.of_blueprint, key, None, limit)
            return [codec.load_json(Run, row.data) for row in rows]

        lists = run_parallel([partial(read, key) for key in blueprint_ids])
        return dict(zip(blueprint_ids, lists, strict=True))

    def due_shards(self) -> int:
        return settings.shards

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        for row in pagination.query_due(
            RunRecord.due, settings.shards, codec.format_sortable(until), shard
        ):
            yield DueRow("run", row.id, codec.parse_sortable(row.due_at))


def _query_newest(kinds: Collection[str], before: Cursor | None, limit: int) -> list[Any]:
    return pagination.merge_newest(
        lambda key: pagination.query_newest(RunRecord.newest, key, before, limit),
        [f"{kind}#{number}" for kind in kinds for number in range(LIST_SHARDS)],
    )


def _query_young(
    kinds: Collection[str], before: Cursor | None, limit: int
) -> list[tuple[Any, Run]]:
    """Return new runs without a first change, which are not in the sparse indexes yet."""
    loaded = [(row, codec.load_json(Run, row.data)) for row in _query_newest(kinds, before, limit)]
    return [(row, run) for row, run in loaded if run.version == 1]


def _load_whole_page(rows: list[Any], limit: int) -> Page[Run]:
    """Read a page whose rows are keys only; concurrently deleted runs are left out."""
    ordered = sorted({row.id: row for row in rows}.values(), key=lambda r: r.age, reverse=True)
    records, position = pagination.load_whole_page(RunRecord, ordered, limit)
    return Page([codec.load_json(Run, row.data) for row in records], position)
