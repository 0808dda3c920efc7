"""Attempts to sign in are counted, those of one source and all together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.attempt import OF_ALL, OF_SOURCE, Limit, neighbourhood
from chalicelib.ports import World

NAME_OF_ALL = "login"


@dataclass(frozen=True, kw_only=True)
class CountedAttempt:
    """An attempt that was counted, and the delays that its source and all sources have to keep."""

    at: datetime
    source: str
    delay: timedelta
    """Zero unless this source tried too often: nothing is looked at before it is over."""
    delay_if_wrong: timedelta
    """Zero unless all sources together tried too often, which refuses only wrong attempts."""


def take(world: World, source: str) -> CountedAttempt:
    """Count an attempt, at the same cost whatever is tried.

    An attempt that its own source's limit refuses does not count for all sources.
    """
    now = world.now()
    delay = _counted(world, OF_SOURCE, _name_of_source(source), now)
    delay_if_wrong = timedelta(0) if delay else _counted(world, OF_ALL, NAME_OF_ALL, now)
    return CountedAttempt(at=now, source=source, delay=delay, delay_if_wrong=delay_if_wrong)


def give_back(world: World, attempt: CountedAttempt) -> None:
    """Forget an attempt that succeeded: a whole office may sign in from one address."""
    window, _ = OF_SOURCE.window(attempt.at)
    world.counters.give_back(f"{_name_of_source(attempt.source)}#{window}")
    if not attempt.delay_if_wrong:
        window, _ = OF_ALL.window(attempt.at)
        world.counters.give_back(f"{NAME_OF_ALL}#{window}")


def _name_of_source(source: str) -> str:
    return f"login#{neighbourhood(source)}"


def _counted(world: World, limit: Limit, name: str, now: datetime) -> timedelta:
    """Return zero, or the time until the end of a window that is full."""
    window, end = limit.window(now)
    return timedelta(0) if world.counters.take(f"{name}#{window}", limit.most, end) else end - now
