"""The tick: sends the messages of due rows. Its cost depends on the number of due rows only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Protocol

from chalicelib.actions import admission, sending
from chalicelib.ports import Due, World

log = logging.getLogger(__name__)
AT_ONCE = 1000
LONGEST = timedelta(seconds=40)
"""The time for which a tick sends. Its function has a minute; the next tick sends the rest."""
TRIGGERS_SHARE = timedelta(seconds=25)
"""The part of that time for triggers, which come first."""
FIRST_DISTANCES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4))
LONGEST_DISTANCE = timedelta(minutes=8)
TICK, BEHIND = "tick", "behind"
"""The markers of the last tick, and of the last one that completed."""
NOT_BEHIND = datetime.max.replace(tzinfo=UTC)


class Incomplete(Exception):
    """Some due rows could not be read or sent; the next tick tries them again."""


class _DueRows(Protocol):
    def due_shards(self) -> int: ...
    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]: ...


Stores = dict[str, _DueRows]


def tick(world: World) -> int:
    """Send a message for each row that is due within the next two intervals; return their number.

    There is no lower bound: overdue rows whose message failed are sent again, at growing intervals.
    The longest overdue come first, so that a burst does not delay earlier rows. Shards are
    independent: an unreadable one does not affect the others. Raises `Incomplete` at the end if
    anything was left out, so that the function counts as failed.
    """
    one_tick = _Tick(world)
    one_tick.send({"triggers": world.triggers}, TRIGGERS_SHARE)
    others: Stores = {
        "runs": world.runs,
        "providers": world.providers,
        "deliveries": world.deliveries,
    }
    one_tick.send(others, LONGEST)
    one_tick.wake()
    one_tick.end()
    world.metrics.ticked(one_tick.sent, one_tick.began - one_tick.oldest)
    if one_tick.left_out:
        raise Incomplete(f"left to the next tick: {', '.join(sorted(one_tick.left_out))}")
    return one_tick.sent


def sends_passed(overdue: timedelta) -> int:
    """Return how often ticks have sent a row that is overdue by this time.

    Rows are sent when they are due, after 1, 2, 4 and 8 minutes, and then every 8 minutes. Stuck
    rows therefore cost little, and recover within 8 minutes.
    """
    if overdue < timedelta(0):
        return 0
    return 1 + sum(overdue >= span for span in FIRST_DISTANCES) + overdue // LONGEST_DISTANCE


class _Tick:
    """One tick: the number of sent messages, and the parts that were left out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.began = self.oldest = world.now()
        self.until = self.began + 2 * world.policy.interval
        self.sent = 0
        self.left_out: set[str] = set()
        self._out_of_time = False
        self._behind = world.pulses.last(BEHIND)
        moments = [moment for moment in (world.pulses.last(TICK), self._behind) if moment]
        self._previous = min(moments, default=None)

    def send(self, stores: Stores, share: timedelta) -> None:
        """Send the due rows of these stores until `share` of the tick's time has passed."""
        shards = [
            self._readable(name, store, shard)
            for name, store in stores.items()
            for shard in range(store.due_shards())
        ]
        rows = filter(self._is_wanted, merge(*shards, key=lambda row: row.at))
        while self._world.now() - self.began <= share:
            some = list(islice(rows, AT_ONCE))
            if not some:
                return
            self._send(some)
        self._out_of_time |= next(rows, None) is not None

    def wake(self) -> None:
        """Request the admission for a freed slot whose message was lost."""
        try:
            admission.wake(self._world)
        except Exception:
            log.exception("waiting queues not read")
            self.left_out.add("the queues that wait for the stage")

    def end(self) -> None:
        """Record the time of this tick, and since when rows have been left to the next one."""
        self._world.pulses.note(TICK, self.began)
        if self.left_out or self._out_of_time:
            since = self._previous or self.began - self._world.policy.missed_after
            self._world.pulses.note(BEHIND, since)
        elif self._behind and self._behind != NOT_BEHIND:
            self._world.pulses.note(BEHIND, NOT_BEHIND)

    def _is_wanted(self, row: Due) -> bool:
        """Return whether a row is sent now; overdue rows are sent at growing intervals."""
        self.oldest = min(self.oldest, row.at)
        if row.at > self.began or self._previous is None:
            return True
        return sends_passed(self.began - row.at) > sends_passed(self._previous - row.at)

    def _readable(self, name: str, store: _DueRows, shard: int) -> Iterator[Due]:
        """Yield the due rows of one shard, as far as it can be read."""
        try:
            yield from store.due(self.until, shard)
        except Exception:
            log.exception("due rows not read", extra={"index": name, "shard": shard})
            self.left_out.add(f"shard {shard} of {name}")

    def _send(self, rows: list[Due]) -> None:
        """Send a message for each row; a failing queue does not affect the others."""
        for kind in sorted({row.kind for row in rows}):
            of_kind = [row for row in rows if row.kind == kind]
            try:
                sending.send(self._world, of_kind)
                self.sent += len(of_kind)
            except Exception:
                log.exception("due rows not sent", extra={"index": kind})
                self.left_out.add(f"messages for each due {kind}")
