"""The circuit breaker: pauses a blueprint after repeated failures of the same class."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from chalicelib.actions import definitions, notifying
from chalicelib.actions.persisting import AGAIN
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.run import Run, State
from chalicelib.ports import World

TOLD = (State.COMPLETED, State.PR_OPENED, State.NEEDS_ATTENTION, State.FAILED)
"""States that show whether a blueprint works. A cancelled run shows nothing."""
FORGE_IS_AWAY = frozenset({"forge_rate_limited", "forge_unavailable"})
"""Error classes of an unavailable forge: they are temporary, and no fault of a blueprint."""
PAGE, MOST_PAGES = 100, 20
"""The limit of searching a blueprint's runs for those that ended: many may still be queued."""


def run_failed(world: World, run: Run) -> None:
    """Pause the blueprint of a failed run after too many consecutive failures of the same class.

    No counter is kept, so no failure can be counted twice: the runs themselves are read, those that
    ended since the blueprint was last resumed.
    """
    if not _tells(run):
        return
    for _ in range(AGAIN):
        try:
            definition = world.blueprints.get(run.definition_id or "")
        except NotFound:
            return
        reason = _reason(world, definition, run) if definition.enabled else None
        if reason is None:
            return
        broken_by = run.history[-1].id
        paused = replace(definition, enabled=False, paused_reason=reason, broken_by=broken_by)
        notifying.promise_pause(world, definition.id, run)
        try:
            definitions.change(world, definition, paused)
            return
        except Superseded:
            continue


def _reason(world: World, definition: Blueprint, run: Run) -> str | None:
    """Return the reason to pause a blueprint by the present state of its runs, or None.

    The list of its runs comes from an index that lags: a run listed as active may have succeeded.
    So the decision is confirmed with consistent reads.
    """
    most = world.policy.pause_after_failures
    listed = _listed(world, definition, most)
    if not _in_a_row([*listed, run], definition, run, most):
        return None
    if not _in_a_row([*_current(world, listed, most), run], definition, run, most):
        return None
    return (
        f"{most} failures in a row of the class {run.error_class or 'unknown'}; "
        f"the last one: {run.error_message or 'no message'}"
    )[:1000]


def _current(world: World, listed: Iterable[Run], most: int) -> list[Run]:
    """Return the newest runs in their present state, with `most` conclusive ones if possible."""
    found: list[Run] = []
    for other in sorted(listed, key=lambda one: (one.created_at, one.id), reverse=True):
        with suppress(NotFound):
            found.append(world.runs.get(other.id))
        if sum(map(_tells, found)) > most:
            break
    return found


def _in_a_row(known: Iterable[Run], definition: Blueprint, run: Run, most: int) -> bool:
    """Return whether the newest `most` conclusive runs all failed with the class of this one."""
    by_id = {**{other.id: other for other in known}, run.id: run}
    newest = sorted(by_id.values(), key=lambda one: (one.created_at, one.id), reverse=True)
    telling = [other for other in newest if _tells(other)][:most]
    return len(telling) == most and all(_alike(other, run, definition) for other in telling)


def _listed(world: World, definition: Blueprint, most: int) -> list[Run]:
    """Return the newest runs of a blueprint, far enough back to include `most` conclusive ones."""
    found: list[Run] = []
    place: str | None = None
    for _ in range(MOST_PAGES):
        listed, place = world.runs.of_definition(definition.id, place, PAGE)
        found += listed
        if place is None or sum(map(_tells, found)) >= most:
            break
    return found


def _tells(run: Run) -> bool:
    """Return whether a run shows if its blueprint works; a forge outage shows nothing."""
    if run.state is not State.FAILED:
        return run.state in TOLD
    not_cloned = run.error_class == "network" and run.stage == "clone"
    return run.error_class not in FORGE_IS_AWAY and not not_cloned


def _alike(other: Run, run: Run, definition: Blueprint) -> bool:
    since = definition.resumed_at
    counts = since is None or (other.completed_at is not None and other.completed_at > since)
    return other.state is State.FAILED and other.error_class == run.error_class and counts
