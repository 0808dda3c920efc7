"""The tick: what is due soon gets its message. Its cost depends on what is due, on nothing else."""

from __future__ import annotations

from datetime import timedelta
from heapq import merge
from itertools import islice

from chalicelib.actions import sending
from chalicelib.ports import World

AT_ONCE = 1000
LONGEST = timedelta(seconds=40)
"""How long a tick sends. Its function has a minute: what is left comes with the next one."""


def tick(world: World) -> int:
    """Send a message for each row due within the next two intervals; return their number.

    Without a lower bound, so that what an earlier message failed to settle comes again; the
    longest overdue first, so that a herd keeps nobody waiting who was due before it.
    """
    now = world.now()
    until = now + 2 * world.policy.interval
    stores = (world.triggers, world.runs, world.providers, world.deliveries)
    rows = merge(*(store.due(until) for store in stores), key=lambda row: row.at)
    sent, oldest = 0, now
    while world.now() - now <= LONGEST and (some := list(islice(rows, AT_ONCE))):
        oldest = min(oldest, some[0].at)
        sending.send(world, some)
        sent += len(some)
    world.pulses.note("tick", now)
    world.metrics.ticked(sent, now - oldest)
    return sent
