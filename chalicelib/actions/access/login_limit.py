"""Counts attempts to sign in, per source and for all sources together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.access.login_limit import (
    LIMIT_OF_ALL_SOURCES,
    LIMIT_PER_SOURCE,
    LoginLimit,
    client_network,
)
from chalicelib.ports import World

COUNTER_OF_ALL_SOURCES = "login"


@dataclass(frozen=True, kw_only=True)
class CountedAttempt:
    """A counted attempt, and the delays that apply to its source and to all sources."""

    at: datetime
    source: str
    delay: timedelta
    """Zero unless this source made too many attempts; nothing is checked before it has passed."""
    delay_if_wrong: timedelta
    """Zero unless all sources together made too many attempts; it rejects wrong attempts only."""


def count_attempt(world: World, source: str) -> CountedAttempt:
    """Count an attempt, before it is checked and at the same cost for any input.

    Attempts rejected by the per-source limit do not count towards the global limit, so one source
    cannot lock out the others.
    """
    now = world.now()
    delay = _delay_after_counting(world, LIMIT_PER_SOURCE, _counter_of_source(source), now)
    delay_if_wrong = (
        timedelta(0)
        if delay
        else _delay_after_counting(world, LIMIT_OF_ALL_SOURCES, COUNTER_OF_ALL_SOURCES, now)
    )
    return CountedAttempt(at=now, source=source, delay=delay, delay_if_wrong=delay_if_wrong)


def forget_attempt(world: World, attempt: CountedAttempt) -> None:
    """Remove a successful attempt from the counts: a whole office may sign in from one address."""
    window, _ = LIMIT_PER_SOURCE.window_at(attempt.at)
    world.counters.give_back(f"{_counter_of_source(attempt.source)}#{window}")
    if not attempt.delay_if_wrong:
        window, _ = LIMIT_OF_ALL_SOURCES.window_at(attempt.at)
        world.counters.give_back(f"{COUNTER_OF_ALL_SOURCES}#{window}")


def _counter_of_source(source: str) -> str:
    return f"login#{client_network(source)}"


def _delay_after_counting(world: World, limit: LoginLimit, name: str, now: datetime) -> timedelta:
    """Return zero, or the time until the end of the window if it is full."""
    window, end = limit.window_at(now)
    return (
        timedelta(0)
        if world.counters.try_increment(f"{name}#{window}", limit.max_attempts, end)
        else end - now
    )
