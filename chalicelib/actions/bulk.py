"""Bulk operations on runs. Each request processes a bounded batch; repeat it for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import chain

from chalicelib.actions import runs
from chalicelib.domain.blueprint import RUN_KINDS
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.run import ACTIVE, FINAL, Run, State
from chalicelib.ports import World

MOST = 100
LONGEST = timedelta(seconds=6)
"""The maximum runs and the maximum time of one request, because a page waits for it."""


def retry_failed(world: World) -> int:
    """Retry failed runs, the newest first; return their number."""
    return _each(world, _in(world, (State.FAILED,)), lambda run: runs.retry(world, run.id))


def cancel_active(world: World) -> int:
    """Cancel queued and active runs; return their number. Queued runs come first, so none start."""
    order = sorted(ACTIVE - FINAL, key=list(State).index)
    found = chain(_unseen(world), _in(world, order))
    return _each(world, found, lambda run: runs.cancel(world, run.id))


def _unseen(world: World) -> Iterator[Run]:
    """Yield the queued runs that are due: before its first step a run is in no state index."""
    for due in world.runs.due(world.now()):
        with suppress(NotFound):
            run = world.runs.get(due.id)
            if run.state is State.QUEUED:
                yield run


def _in(world: World, states: Iterable[State]) -> Iterator[Run]:
    for state in states:
        found, _ = world.runs.in_state(RUN_KINDS, state, None, MOST)
        yield from found


def _each(world: World, found: Iterator[Run], change: Callable[[Run], object]) -> int:
    """Change a bounded batch of runs and return their number.

    Runs that moved concurrently are skipped.
    """
    changed, until = 0, world.now() + LONGEST
    for run in found:
        if changed == MOST or world.now() > until:
            break
        try:
            change(run)
        except (Conflict, NotFound):
            continue
        changed += 1
    return changed
