"""Counts attempts to sign in, per source and for all sources together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.attempt import OF_ALL, OF_SOURCE, Limit, neighbourhood
from chalicelib.ports import World

NAME_OF_ALL = "login"


@dataclass(frozen=True, kw_only=True)
class CountedAttempt:
    """A counted attempt, and the delays that apply to its source and to all sources."""

    at: datetime
    source: str
    delay: timedelta
    """Zero unless this source made too many attempts; nothing is checked before it has passed."""
    delay_if_wrong: timedelta
    """Zero unless all sources together made too many attempts; it rejects wrong attempts only."""


def take(world: World, source: str) -> CountedAttempt:
    """Count an attempt, before it is checked and at the same cost for any input.

    Attempts rejected by the per-source limit do not count towards the global limit, so one source
    cannot lock out the others.
    """
    now = world.now()
    delay = _counted(world, OF_SOURCE, _name_of_source(source), now)
    delay_if_wrong = timedelta(0) if delay else _counted(world, OF_ALL, NAME_OF_ALL, now)
    return CountedAttempt(at=now, source=source, delay=delay, delay_if_wrong=delay_if_wrong)


def give_back(world: World, attempt: CountedAttempt) -> None:
    """Remove a successful attempt from the counts: a whole office may sign in from one address."""
    window, _ = OF_SOURCE.window(attempt.at)
    world.counters.give_back(f"{_name_of_source(attempt.source)}#{window}")
    if not attempt.delay_if_wrong:
        window, _ = OF_ALL.window(attempt.at)
        world.counters.give_back(f"{NAME_OF_ALL}#{window}")


def _name_of_source(source: str) -> str:
    return f"login#{neighbourhood(source)}"


def _counted(world: World, limit: Limit, name: str, now: datetime) -> timedelta:
    """Return zero, or the time until the end of the window if it is full."""
    window, end = limit.window(now)
    return timedelta(0) if world.counters.take(f"{name}#{window}", limit.most, end) else end - now
