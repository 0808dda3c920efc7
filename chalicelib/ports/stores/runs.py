"""Protocols of the stores of runs, slots and run sets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.ids import BlueprintId, CounterKey, QueueKey, RunId
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow

MAX_DROPPED_RUNS = 90
"""The runs that one call removes from a set, each a row of its transaction."""


class Runs(Protocol):
    """The store of runs. `Firings.commit_decision` adds them.

    Runs in pages and in `list_latest` may lack history and attempts. `kinds` are types of runs. The
    `key` of a queue is the `Run.waits_in` of its runs.
    """

    def list_position(self, run: Run) -> Cursor:
        """Return the `before` of the page that follows a run, for all lists of runs."""

    def get(self, run_id: RunId) -> Run:
        """Return a run, in a consistent read; raise `NotFound` if there is none."""

    def put(self, new: Run, was: Run) -> None:
        """Replace a run; raise `Superseded` if it is gone, or not at the version of `was`."""

    def iter_waiting(self, key: QueueKey) -> Iterator[RunId]:
        """Yield the ids of the runs in a queue, by `Run.queue_sort_key`, from an index."""

    def first_sort_key(self, key: QueueKey) -> str | None:
        """Return the sort key of the first run in a queue, from an index; None if it is empty."""

    def get_many(self, run_ids: Sequence[RunId]) -> list[Run]:
        """Return those of the runs that exist, in the given order, in a consistent read.

        No id may be given twice.
        """

    def list_newest(self, kinds: Collection[str], before: Cursor | None, limit: int) -> Page[Run]:
        """Return a page of the runs of these kinds, by creation time."""

    def list_of_blueprint(
        self, blueprint_id: BlueprintId, before: Cursor | None, limit: int
    ) -> Page[Run]:
        """Return a page of the runs of a blueprint, by creation time."""

    def list_latest(
        self, blueprint_ids: Sequence[BlueprintId], limit: int
    ) -> dict[BlueprintId, list[Run]]:
        """Return by blueprint id its newest runs, at most `limit`, newest first, from an index.

        No id may be given twice.
        """

    def list_in_state(
        self, kinds: Collection[str], state: State, before: Cursor | None, limit: int
    ) -> Page[Run]:
        """Return a page of the runs of these kinds in a state, by creation time.

        Runs that have left the state since are left out, so that a page may be empty and yet have
        a next one.
        """

    def list_of_repo(self, url: str, before: Cursor | None, limit: int) -> Page[Run]:
        """Return a page of the runs of the repo with a normal URL, by creation time."""

    def due_shards(self) -> int:
        """Return how many shards the index of due runs has."""

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        """Yield the runs with `next_due_at <= until`, the longest overdue first, from an index.

        They are those of one shard (0 to `due_shards() - 1`), or all.
        """


class Slots(Protocol):
    """Counters of the runs that hold slots: each is the set of their ids, under a `CounterKey`.

    A `RunSets` reads them, and frees the slots of runs that are gone.
    """

    @may_lose(Part.RUN, Part.COUNTER)
    def take_slots(self, new: Run, was: Run, limits: Mapping[CounterKey, int]) -> None:
        """Replace a run, and add it to each counter, which may then have as many runs as stated.

        Loses a run that is gone or no longer at the version of `was`, and each counter that is
        full.
        """


class RunSets(Protocol):
    """Sets of run ids under a `CounterKey`: slots, active runs, open pull requests.

    Runs that do not exist, or no longer belong to a set, may be in it.
    """

    @may_lose(Part.RUN)
    def move_run(
        self, new: Run, was: Run, *, leaves: Collection[CounterKey], enters: Collection[CounterKey]
    ) -> None:
        """Replace a run, and take it out of some sets and into others, of any size.

        Loses a run that is gone or no longer at the version of `was`.
        """

    def hold_runs(
        self, counter: CounterKey, run_ids: Collection[RunId], until: datetime | None = None
    ) -> None:
        """Add runs, at least one, to a set.

        `until` is the new expiry of the whole set; without it, the expiry stays.
        """

    def held_runs(self, counter: CounterKey) -> frozenset[RunId]:
        """Return the ids of the runs in a set, in a consistent read."""

    @may_lose(Part.RUN)
    def drop_runs(self, counter: CounterKey, versions: Mapping[RunId, int | None]) -> None:
        """Remove runs from a set while each is still at its version (None: does not exist).

        Only the first `MAX_DROPPED_RUNS` of them are removed. Loses the runs at another version.
        """


class WaitingQueues(Protocol):
    """The queues of runs that wait for a slot of the stage, by the rank of their first run."""

    def await_stage(self, queue_key: QueueKey, rank: str) -> None:
        """Record that a queue waits for a slot of the stage, by its smallest rank so far.

        A rank is the `Run.queue_sort_key` of one of its runs.
        """

    def awaiting_stage(self, limit: int) -> list[QueueKey]:
        """Return the keys of at most `limit` waiting queues, by rank, from an index."""

    def leave_stage(self, queue_key: QueueKey) -> None:
        """Forget that a queue waits for the stage, and its rank."""
