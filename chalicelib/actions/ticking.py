"""The tick: sends the messages of due rows. Its cost depends on due rows, on nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Protocol

from chalicelib.actions import sending
from chalicelib.ports import Due, World

log = logging.getLogger(__name__)
AT_ONCE = 1000
LONGEST = timedelta(seconds=40)
"""How long a tick sends. Its function has a minute; the next tick sends the rest."""
TRIGGERS_SHARE = timedelta(seconds=25)
"""How much of that time triggers may take, which come first."""


class Incomplete(Exception):
    """A part of the due rows could not be read or sent; the next tick tries them again."""


class _DueRows(Protocol):
    def due_shards(self) -> int: ...
    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]: ...


Stores = dict[str, _DueRows]


def tick(world: World) -> int:
    """Send a message for each row due within the next two intervals; return their number.

    Without a lower bound, so that what an earlier message failed to settle comes again; the
    longest overdue first, so that a herd keeps nobody waiting who was due before it. Each shard
    stands for itself: one that cannot be read keeps no other from being sent. Raises `Incomplete`
    in the end where one was left out, so that the function counts as failed.
    """
    one_tick = _Tick(world)
    one_tick.send({"triggers": world.triggers}, TRIGGERS_SHARE)
    others: Stores = {
        "runs": world.runs,
        "providers": world.providers,
        "deliveries": world.deliveries,
    }
    one_tick.send(others, LONGEST)
    world.pulses.note("tick", one_tick.began)
    world.metrics.ticked(one_tick.sent, one_tick.began - one_tick.oldest)
    if one_tick.left_out:
        raise Incomplete(f"left to the next tick: {', '.join(sorted(one_tick.left_out))}")
    return one_tick.sent


class _Tick:
    """One tick: what it sent, and what it had to leave out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.began = self.oldest = world.now()
        self.until = self.began + 2 * world.policy.interval
        self.sent = 0
        self.left_out: set[str] = set()

    def send(self, stores: Stores, share: timedelta) -> None:
        """Send the due rows of these stores until `share` of the tick's time is over."""
        shards = [
            self._readable(name, store, shard)
            for name, store in stores.items()
            for shard in range(store.due_shards())
        ]
        rows = merge(*shards, key=lambda row: row.at)
        while self._world.now() - self.began <= share and (some := list(islice(rows, AT_ONCE))):
            self.oldest = min(self.oldest, some[0].at)
            self._send(some)

    def _readable(self, name: str, store: _DueRows, shard: int) -> Iterator[Due]:
        """Yield the due rows of one shard, as far as it can be read."""
        try:
            yield from store.due(self.until, shard)
        except Exception:
            log.exception("due rows not read", extra={"index": name, "shard": shard})
            self.left_out.add(f"shard {shard} of {name}")

    def _send(self, rows: list[Due]) -> None:
        """Send a message for each row; a queue that takes none keeps no other from its own."""
        for kind in sorted({row.kind for row in rows}):
            of_kind = [row for row in rows if row.kind == kind]
            try:
                sending.send(self._world, of_kind)
                self.sent += len(of_kind)
            except Exception:
                log.exception("due rows not sent", extra={"index": kind})
                self.left_out.add(f"messages for each due {kind}")
