"""Runs in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.history import Attempt
from chalicelib.domain.run import Event, Run, State, event_id
from chalicelib.ports import Due
from chalicelib.settings import settings
from chalicelib.storage import codec, pages
from chalicelib.storage.records import RunRecord
from chalicelib.storage.together import together
from chalicelib.storage.transactions import guarded

Entry = tuple[State, str, str, datetime]
LIST_SHARDS = 4
"""Partitions of the list of all runs, so that no single one receives every new run."""


class Kept(NamedTuple):
    """The history and attempts of a run, in an attribute of their own that lists do not contain."""

    entries: tuple[Entry | Event, ...]
    attempts: tuple[Attempt, ...]


def record_of(run: Run) -> RunRecord:
    """Return the row of a run."""
    kept = run.completed_at + settings.retention if run.completed_at and run.final else None
    waits_in, wakes_at = _waits_in(run), run.wakes_at
    listed = run.version > 1  # the firing's own transaction does not pay for these indexes
    return RunRecord(
        id=run.id,
        version=run.version,
        state=run.state.value,
        data=codec.dump(run, without=("history", "attempts")),
        history=_history(run),
        list_shard=f"{run.type}#{_list_shard(run.id)}",
        age=codec.age(run.created_at, run.id),
        definition_id=run.definition_id,
        due_shard=codec.shard(run.id) if wakes_at else None,
        due_at=codec.sortable(wakes_at) if wakes_at else None,
        waits_in=waits_in,
        rank=run.rank if waits_in else None,
        in_state=_in_state(run.type, run.state, run.id) if listed else None,
        of_repo_url=run.repo_url if listed else None,
        expires_at=int(kept.timestamp()) if kept else None,
    )


def run_of(record: Any) -> Run:
    """Return the run of a complete row."""
    kept = codec.load(Kept, record.history)
    run = codec.load(Run, record.data)
    return replace(run, history=tuple(_events(run.id, kept.entries)), attempts=kept.attempts)


def _history(run: Run) -> str:
    """Return history and attempts as text, without fields that follow from an entry's position."""
    entries = tuple((one.to_state, one.trigger, one.message, one.created_at) for one in run.history)
    return codec.dump(Kept(entries, run.attempts))


def _events(run_id: str, entries: Iterable[Entry | Event]) -> Iterator[Event]:
    source: State | None = None
    for number, entry in enumerate(entries):
        if isinstance(entry, Event):  # a complete event, the format before the first release
            event = entry
        else:
            to, by, message, at = entry
            event = Event(
                id=event_id(run_id, number),
                from_state=source,
                to_state=to,
                trigger=by,
                message=message,
                created_at=at,
            )
        source = event.to_state
        yield event


def _in_state(kind: str, state: State, run_id: str) -> str:
    return f"{kind}#{state.value}#{_list_shard(run_id)}"


def _list_shard(run_id: str) -> int:
    return int(run_id[:8], 16) % LIST_SHARDS


def _waits_in(run: Run) -> str | None:
    if run.state is State.QUEUED:
        return run.queue_key
    return f"pool#{run.pool}" if run.state is State.PROVISIONING else None


class DynamoRuns:
    """The store of runs."""

    def position(self, run: Run) -> str:
        """Return the position of the page after this run."""
        return codec.age(run.created_at, run.id)

    def get(self, run_id: str) -> Run:
        try:
            return run_of(RunRecord.get(run_id, consistent_read=True))
        except DoesNotExist:
            raise NotFound("task", run_id) from None

    def put(self, new: Run, was: Run) -> None:
        with guarded(f"task {new.id!r}"):
            record_of(new).save(condition=RunRecord.version == was.version)

    def waiting(self, key: str) -> Iterator[str]:
        for row in RunRecord.waiting.query(key, page_size=25):
            yield row.id

    def first_rank(self, key: str) -> str | None:
        """Return the rank of the most urgent run in queue `key`, or None."""
        for row in RunRecord.waiting.query(key, limit=1):
            return str(row.rank)
        return None

    def several(self, run_ids: Sequence[str]) -> list[Run]:
        """Return the existing ones of these runs, in the same order, in a consistent read."""
        found = {row.id: row for row in RunRecord.batch_get(run_ids, consistent_read=True)}
        return [run_of(found[run_id]) for run_id in run_ids if run_id in found]

    def newest(
        self, kinds: Collection[str], before: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        return pages.things(Run, _newest(kinds, before, limit + 1), limit)

    def in_state(
        self, kinds: Collection[str], state: State, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        rows = pages.merged(
            lambda key: pages.newest(RunRecord.by_state, key, before, limit + 1),
            [f"{kind}#{state.value}#{number}" for kind in kinds for number in range(LIST_SHARDS)],
        )
        if state is State.QUEUED:
            rows += [row for row, _ in _fresh(kinds, before, limit + 1)]
        runs, position = _whole(rows, limit)
        return [run for run in runs if run.state is state], position

    def of_repo(self, url: str, before: str | None, limit: int) -> tuple[list[Run], str | None]:
        rows = pages.newest(RunRecord.by_repo, url, before, limit + 1)
        fresh = _fresh((Kind.REPO_TASK.value,), before, limit + 1)
        rows += [row for row, run in fresh if run.repo_url == url]
        return _whole(rows, limit)

    def of_definition(
        self, definition_id: str, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]:
        rows = pages.newest(RunRecord.of_definition, definition_id, before, limit + 1)
        return pages.things(Run, rows, limit)

    def latest(self, definition_ids: Sequence[str], limit: int) -> dict[str, list[Run]]:
        """Return the newest runs of each blueprint, at most `limit` of each."""

        def read(key: str) -> list[Run]:
            rows = pages.newest(RunRecord.of_definition, key, None, limit)
            return [codec.load(Run, row.data) for row in rows]

        found = together([partial(read, key) for key in definition_ids])
        return dict(zip(definition_ids, found, strict=True))

    def due_shards(self) -> int:
        return settings.shards

    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]:
        for row in pages.due(RunRecord.due, settings.shards, codec.sortable(until), shard):
            yield Due("run", row.id, codec.moment(row.due_at))


def _newest(kinds: Collection[str], before: str | None, limit: int) -> list[Any]:
    return pages.merged(
        lambda key: pages.newest(RunRecord.newest, key, before, limit),
        [f"{kind}#{number}" for kind in kinds for number in range(LIST_SHARDS)],
    )


def _fresh(kinds: Collection[str], before: str | None, limit: int) -> list[tuple[Any, Run]]:
    """Return new runs without a first change, which are not in the sparse indexes yet."""
    found = [(row, codec.load(Run, row.data)) for row in _newest(kinds, before, limit)]
    return [(row, run) for row, run in found if run.version == 1]


def _whole(rows: list[Any], limit: int) -> tuple[list[Run], str | None]:
    """Read a page whose rows are keys only; concurrently deleted runs are left out."""
    ordered = sorted({row.id: row for row in rows}.values(), key=lambda r: r.age, reverse=True)
    kept, position = pages.whole(RunRecord, ordered, limit)
    return [codec.load(Run, row.data) for row in kept], position
