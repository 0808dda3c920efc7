"""How the scheduler is: how late it fires, what is overdue, when it ticked last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.blueprint import RUN_KINDS
from chalicelib.ports import Due, World

HOUR = timedelta(hours=1)
MOST_RUNS = 500
OVERDUE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """The scheduler's health. Lateness is that of the newest scheduled runs of the last hour."""

    status: str
    last_tick: datetime | None
    lateness_ms: tuple[int, ...]
    oldest_overdue: Due | None

    def percentile(self, percent: float) -> int | None:
        """Return the lateness that `percent` of the firings did not exceed (nearest rank)."""
        if not self.lateness_ms:
            return None
        rank = math.ceil(percent / 100 * len(self.lateness_ms))
        return self.lateness_ms[max(0, rank - 1)]


def pulse(world: World) -> Pulse:
    """Return how the scheduler is now: `ok`, `late` (something is overdue), or `stopped`."""
    now = world.now()
    last_tick = world.pulses.last("tick")
    overdue = world.triggers.oldest_due(now - OVERDUE_AFTER)
    stopped = last_tick is None or now - last_tick > 3 * world.policy.interval
    late = sorted(
        run.lateness_ms
        for run in world.runs.newest(RUN_KINDS, None, MOST_RUNS)[0]
        if run.lateness_ms is not None and now - run.created_at <= HOUR
    )
    return Pulse(
        status="stopped" if stopped else "late" if overdue else "ok",
        last_tick=last_tick,
        lateness_ms=tuple(late),
        oldest_overdue=overdue,
    )
