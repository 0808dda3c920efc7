"""Bulk operations on runs. Each request processes a bounded batch; repeat it for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import chain

from chalicelib.actions.runs import runs
from chalicelib.domain.blueprints.blueprint import RUN_KINDS
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import ACTIVE_STATES, FINAL_STATES, State
from chalicelib.ports import World

MAX_RUNS_PER_REQUEST = 100
MAX_DURATION = timedelta(seconds=6)
"""The maximum runs and the maximum time of one request, because a page waits for it."""


def retry_failed(world: World) -> int:
    """Retry failed runs, the newest first; return their number."""
    return _change_each(
        world, _iter_in_states(world, (State.FAILED,)), lambda run: runs.retry_run(world, run.id)
    )


def cancel_active(world: World) -> int:
    """Cancel queued and active runs; return their number. Queued runs come first, so none start."""
    order = sorted(ACTIVE_STATES - FINAL_STATES, key=list(State).index)
    active_runs = chain(_iter_unseen(world), _iter_in_states(world, order))
    return _change_each(world, active_runs, lambda run: runs.cancel_run(world, run.id))


def _iter_unseen(world: World) -> Iterator[Run]:
    """Yield the queued runs that are due: before its first step a run is in no state index."""
    for due in world.runs.iter_due(world.now()):
        with suppress(NotFound):
            run = world.runs.get(RunId(due.id))
            if run.state is State.QUEUED:
                yield run


def _iter_in_states(world: World, states: Iterable[State]) -> Iterator[Run]:
    for state in states:
        page_of_runs, _ = world.runs.list_in_state(RUN_KINDS, state, None, MAX_RUNS_PER_REQUEST)
        yield from page_of_runs


def _change_each(world: World, candidates: Iterator[Run], change: Callable[[Run], object]) -> int:
    """Change a bounded batch of runs and return their number.

    Runs that moved concurrently are skipped.
    """
    changed, until = 0, world.now() + MAX_DURATION
    for run in candidates:
        if changed == MAX_RUNS_PER_REQUEST or world.now() > until:
            break
        try:
            change(run)
        except (Conflict, NotFound):
            continue
        changed += 1
    return changed
