"""The tick: sends the messages of due rows. Its cost depends on the number of due rows only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Protocol

from chalicelib.actions import due_messages
from chalicelib.actions.runs import admission
from chalicelib.ports import DueRow, World

log = logging.getLogger(__name__)
MAX_ROWS_PER_SEND = 1000
MAX_TICK_DURATION = timedelta(seconds=40)
"""The time for which a tick sends. Its function has a minute; the next tick sends the rest."""
MAX_TRIGGERS_DURATION = timedelta(seconds=25)
"""The part of that time for triggers, which come first."""
FIRST_RESEND_DISTANCES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4))
MAX_RESEND_DISTANCE = timedelta(minutes=8)
TICK_MARKER, BACKLOG_MARKER = "tick", "behind"
"""The markers of the last tick, and of the last one that completed."""
NO_BACKLOG = datetime.max.replace(tzinfo=UTC)


class IncompleteTick(Exception):
    """Some due rows could not be read or sent; the next tick tries them again."""


class _DueRows(Protocol):
    def due_shards(self) -> int: ...
    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]: ...


Stores = dict[str, _DueRows]


def run_tick(world: World) -> int:
    """Send a message for each row that is due within the next two intervals; return their number.

    There is no lower bound: overdue rows whose message failed are sent again, at growing intervals.
    The longest overdue come first, so that a burst does not delay earlier rows. Shards are
    independent: an unreadable one does not affect the others. Raises `IncompleteTick` at the end if
    anything was left out, so that the function counts as failed.
    """
    one_tick = _Tick(world)
    one_tick.send_due({"triggers": world.triggers}, MAX_TRIGGERS_DURATION)
    others: Stores = {
        "runs": world.runs,
        "providers": world.providers,
        "deliveries": world.deliveries,
    }
    one_tick.send_due(others, MAX_TICK_DURATION)
    one_tick.wake_stage()
    world.metrics.record_tick(one_tick.sent, one_tick.longest_overdue)
    one_tick.finish_tick()
    if one_tick.left_out:
        raise IncompleteTick(f"left to the next tick: {', '.join(sorted(one_tick.left_out))}")
    return one_tick.sent


def sends_passed(overdue: timedelta) -> int:
    """Return how often ticks have sent a row that is overdue by this time.

    Rows are sent when they are due, after 1, 2, 4 and 8 minutes, and then every 8 minutes. Stuck
    rows therefore cost little, and recover within 8 minutes.
    """
    if overdue < timedelta(0):
        return 0
    return (
        1 + sum(overdue >= span for span in FIRST_RESEND_DISTANCES) + overdue // MAX_RESEND_DISTANCE
    )


class _Tick:
    """One tick: the number of sent messages, and the parts that were left out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.began = self.oldest = world.now()
        self.until = self.began + 2 * world.policy.tick_interval
        self.sent = 0
        self.left_out: set[str] = set()
        self._out_of_time = False
        self._behind: datetime | None = None
        self._previous: datetime | None = None
        self._read_markers()

    def _read_markers(self) -> None:
        """Read the times of the last ticks; without them each row is sent."""
        try:
            last = self._world.markers.last_time(TICK_MARKER)
            self._behind = self._world.markers.last_time(BACKLOG_MARKER)
        except Exception:
            log.exception("times of the last ticks not read")
            self.left_out.add("the times of the last ticks")
            return
        self._previous = min((moment for moment in (last, self._behind) if moment), default=None)

    @property
    def _left_since(self) -> datetime:
        """The time since when rows that this tick leaves out may have been due."""
        return self._previous or self.began - self._world.policy.missed_after

    @property
    def longest_overdue(self) -> timedelta:
        """How long the oldest due row waits; rows that could not be read may be as old as that."""
        unread = [self._left_since] if self.left_out else []
        return self.began - min([self.oldest, *unread])

    def send_due(self, stores: Stores, share: timedelta) -> None:
        """Send the due rows of these stores until `share` of the tick's time has passed."""
        shards = [
            self._iter_readable(name, store, shard)
            for name, store in stores.items()
            for shard in range(store.due_shards())
        ]
        rows = filter(self._is_wanted, merge(*shards, key=lambda row: row.at))
        while self._world.now() - self.began <= share:
            some = list(islice(rows, MAX_ROWS_PER_SEND))
            if not some:
                return
            self._send_rows(some)
        self._out_of_time |= next(rows, None) is not None

    def wake_stage(self) -> None:
        """Request the admission for a freed slot whose message was lost."""
        try:
            admission.wake_waiting_queue(self._world)
        except Exception:
            log.exception("waiting queues not read")
            self.left_out.add("the queues that wait for the stage")

    def finish_tick(self) -> None:
        """Record the time of this tick, and since when rows have been left to the next one."""
        self._world.markers.record_time(TICK_MARKER, self.began)
        if self.left_out or self._out_of_time:
            self._world.markers.record_time(BACKLOG_MARKER, self._left_since)
        elif self._behind and self._behind != NO_BACKLOG:
            self._world.markers.record_time(BACKLOG_MARKER, NO_BACKLOG)

    def _is_wanted(self, row: DueRow) -> bool:
        """Return whether a row is sent now; overdue rows are sent at growing intervals."""
        self.oldest = min(self.oldest, row.at)
        if row.at > self.began or self._previous is None:
            return True
        return sends_passed(self.began - row.at) > sends_passed(self._previous - row.at)

    def _iter_readable(self, name: str, store: _DueRows, shard: int) -> Iterator[DueRow]:
        """Yield the due rows of one shard, as far as it can be read."""
        try:
            yield from store.iter_due(self.until, shard)
        except Exception:
            log.exception("due rows not read", extra={"index": name, "shard": shard})
            self.left_out.add(f"shard {shard} of {name}")

    def _send_rows(self, rows: list[DueRow]) -> None:
        """Send a message for each row; a failing queue does not affect the others."""
        for kind in sorted({row.kind for row in rows}):
            of_kind = [row for row in rows if row.kind == kind]
            try:
                due_messages.enqueue_rows(self._world, of_kind)
                self.sent += len(of_kind)
            except Exception:
                log.exception("due rows not sent", extra={"index": kind})
                self.left_out.add(f"messages for each due {kind}")
