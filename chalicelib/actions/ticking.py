"""The tick: what is due soon gets its message. Its cost depends on what is due, on nothing else."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.actions import sending
from chalicelib.ports import World


def tick(world: World) -> int:
    """Send a message for each row due within the next two intervals; return their number.

    Without a lower bound, so that what an earlier message failed to settle comes again.
    """
    now = world.now()
    until = now + 2 * world.policy.interval
    stores = (world.triggers, world.runs, world.providers, world.deliveries)
    rows = [row for store in stores for row in store.due(until)]
    sending.send(world, rows)
    world.pulses.note("tick", now)
    oldest = min((row.at for row in rows), default=now)
    world.metrics.ticked(len(rows), max(timedelta(0), now - oldest))
    return len(rows)
