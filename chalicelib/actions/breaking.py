"""The breaker: a definition whose runs fail alike again and again is paused, with the reason."""

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
"""The states that tell whether a definition works. A cancelled run tells nothing."""
FORGE_IS_AWAY = frozenset({"forge_rate_limited", "forge_unavailable"})
"""Classes of a forge that did not answer: that passes, and is no fault of a definition."""
PAGE, MOST_PAGES = 100, 20
"""How far back a definition's runs are looked through for those that ended: many may wait."""


def run_failed(world: World, run: Run) -> None:
    """Pause the definition of a failed run, if that was one failure of its class too many.

    Nothing is counted, so nothing can be counted twice: the runs themselves are looked at, those
    that ended since somebody resumed the definition last.
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
    """Return why to pause a definition, by its runs as they are now; None to leave it.

    The list of its runs lags: what it shows as at work may have succeeded. So those that would
    pause the definition are read once more, as they are.
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
    """Return the newest runs as they are now, as far back as `most` of them tell something."""
    found: list[Run] = []
    for other in sorted(listed, key=lambda one: (one.created_at, one.id), reverse=True):
        with suppress(NotFound):
            found.append(world.runs.get(other.id))
        if sum(map(_tells, found)) > most:
            break
    return found


def _in_a_row(known: Iterable[Run], definition: Blueprint, run: Run, most: int) -> bool:
    """Return whether the newest runs that tell something all failed like this one."""
    by_id = {**{other.id: other for other in known}, run.id: run}
    newest = sorted(by_id.values(), key=lambda one: (one.created_at, one.id), reverse=True)
    telling = [other for other in newest if _tells(other)][:most]
    return len(telling) == most and all(_alike(other, run, definition) for other in telling)


def _listed(world: World, definition: Blueprint, most: int) -> list[Run]:
    """Return the newest runs of a definition: as many as it takes to see `most` that ended."""
    found: list[Run] = []
    place: str | None = None
    for _ in range(MOST_PAGES):
        listed, place = world.runs.of_definition(definition.id, place, PAGE)
        found += listed
        if place is None or sum(map(_tells, found)) >= most:
            break
    return found


def _tells(run: Run) -> bool:
    """Return whether a run tells if its definition works: not one whose forge was away."""
    if run.state is not State.FAILED:
        return run.state in TOLD
    not_cloned = run.error_class == "network" and run.stage == "clone"
    return run.error_class not in FORGE_IS_AWAY and not not_cloned


def _alike(other: Run, run: Run, definition: Blueprint) -> bool:
    since = definition.resumed_at
    counts = since is None or (other.completed_at is not None and other.completed_at > since)
    return other.state is State.FAILED and other.error_class == run.error_class and counts
