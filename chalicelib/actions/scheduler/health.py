"""The scheduler's health: the lateness of firings, the oldest overdue trigger, the last tick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain.blueprints.blueprint import RUN_KINDS
from chalicelib.ports import DueRow, World

Status = Literal["ok", "late", "starting", "stopped"]
LATENESS_WINDOW = timedelta(hours=1)
MAX_RUNS = 500
OVERDUE_AFTER = timedelta(seconds=30)
MISSED_TICKS = 3
"""The intervals without a tick after which ticking has stopped, and before the first tick."""


@dataclass(frozen=True, kw_only=True)
class SchedulerHealth:
    """The scheduler's health.

    `lateness_ms` is the lateness of the newest scheduled runs of the last hour, ascending.
    """

    status: Status
    started_at: datetime | None
    last_tick: datetime | None
    lateness_ms: tuple[int, ...]
    oldest_overdue: DueRow | None
    dead_letters: Mapping[str, int]

    def lateness_percentile(self, percent: float) -> int | None:
        """Return the lateness in ms that `percent` of the firings did not exceed, or None."""
        if not self.lateness_ms:
            return None
        rank = math.ceil(percent / 100 * len(self.lateness_ms))
        return self.lateness_ms[max(0, rank - 1)]


def read_scheduler_health(world: World) -> SchedulerHealth:
    """Return the present health of the scheduler.

    Its status is `ok`, `late` (something is overdue), `stopped`, or `starting` (deployed or
    restarted, before the first tick).
    """
    now = world.now()
    started_at, last_tick = world.markers.last_time("start"), world.markers.last_time("tick")
    overdue = world.triggers.oldest_due(now - OVERDUE_AFTER)
    since = now - MISSED_TICKS * world.policy.tick_interval
    latenesses = sorted(
        run.lateness_ms
        for run in world.runs.list_newest(RUN_KINDS, None, MAX_RUNS)[0]
        if run.lateness_ms is not None and now - run.created_at <= LATENESS_WINDOW
    )
    return SchedulerHealth(
        status=_derive_status(since, started_at, last_tick, overdue),
        started_at=started_at,
        last_tick=last_tick,
        lateness_ms=tuple(latenesses),
        oldest_overdue=overdue,
        dead_letters={
            "fire": world.fire_queue.count_dead_letters(),
            "steps": world.steps_queue.count_dead_letters(),
            "remote": world.remote_queue.count_dead_letters(),
            "notify": world.notify_queue.count_dead_letters(),
        },
    )


def _derive_status(
    since: datetime, started_at: datetime | None, last_tick: datetime | None, overdue: DueRow | None
) -> Status:
    if last_tick and last_tick >= since:
        return "late" if overdue else "ok"
    return "starting" if started_at and started_at >= since else "stopped"
