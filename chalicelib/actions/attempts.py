"""Attempts to sign in are counted, those of one source and all together."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.attempt import OF_ALL, OF_SOURCE, Limit, neighbourhood
from chalicelib.ports import World


def take(world: World, source: str) -> timedelta:
    """Count an attempt; return how long to wait where there were too many, else zero.

    It costs the same whatever is tried. Who was refused for his own attempts does not count for
    all, so that one source cannot shut out the others.
    """
    now = world.now()
    for limit, name in _counted(source):
        window, end = limit.window(now)
        if not world.counters.take(f"{name}#{window}", limit.most, end):
            return end - now
    return timedelta(0)


def give_back(world: World, source: str) -> None:
    """Forget an attempt that succeeded: a whole office may sign in from one address."""
    for limit, name in _counted(source):
        window, _ = limit.window(world.now())
        world.counters.give_back(f"{name}#{window}")


def _counted(source: str) -> tuple[tuple[Limit, str], ...]:
    return (OF_SOURCE, f"login#{neighbourhood(source)}"), (OF_ALL, "login")
