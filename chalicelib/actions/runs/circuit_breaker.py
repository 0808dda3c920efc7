"""The circuit breaker: pauses a blueprint after repeated failures of the same class."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.notifications import announce
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.display_text import MAX_REASON_LENGTH
from chalicelib.domain.error_class import FORGE_OUTAGE_CLASSES, ErrorClass
from chalicelib.domain.errors import Busy, NotFound, Superseded
from chalicelib.domain.ids import BlueprintId
from chalicelib.domain.page import Cursor
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World

SUCCESS_STATES = (State.COMPLETED, State.PR_OPENED, State.NEEDS_ATTENTION, State.FAILED)
"""States that show whether a blueprint works. A cancelled run shows nothing."""
PAGE_SIZE, MAX_PAGES = 100, 20
"""The limit of searching a blueprint's runs for those that ended: many may still be queued."""


def pause_after_failures(world: World, run: Run) -> None:
    """Pause the blueprint of a failed run after too many consecutive failures of the same class.

    No counter is kept, so no failure can be counted twice: the runs themselves are read, those that
    ended since the blueprint was last resumed.
    """
    if not _is_telling(run):
        return

    def pause_once() -> None:
        blueprint = world.blueprints.get(run.blueprint_id or BlueprintId(""))
        reason = _pause_reason(world, blueprint, run) if blueprint.enabled else None
        if reason is None:
            return
        broken_by = run.history[-1].id
        paused = replace(blueprint, enabled=False, paused_reason=reason, broken_by=broken_by)
        announce.announce_pause(world, blueprint.id, run)
        blueprints.change_blueprint(world, blueprint, paused)

    # Removed, edited each time, or fired too often: the next failure tries it.
    with suppress(NotFound, Superseded, Busy):
        retry_on_conflict(f"task {run.blueprint_id!r}", pause_once)


def _pause_reason(world: World, blueprint: Blueprint, run: Run) -> str | None:
    """Return the reason to pause a blueprint by the present state of its runs, or None.

    The list of its runs comes from an index that lags: a run listed as active may have succeeded.
    So the decision is confirmed with consistent reads.
    """
    most = world.policy.pause_after_failures
    newest = _list_newest(world, blueprint, most)
    if not _all_failed_alike([*newest, run], blueprint, run, most):
        return None
    if not _all_failed_alike([*_read_current(world, newest, most), run], blueprint, run, most):
        return None
    return (
        f"{most} failures in a row of the class {run.error_class or 'unknown'}; "
        f"the last one: {run.error_message or 'no message'}"
    )[:MAX_REASON_LENGTH]


def _read_current(world: World, newest: Iterable[Run], most: int) -> list[Run]:
    """Return the newest runs in their present state, with `most` conclusive ones if possible."""
    current_runs: list[Run] = []
    for other in sorted(
        newest, key=lambda listed_run: (listed_run.created_at, listed_run.id), reverse=True
    ):
        with suppress(NotFound):
            current_runs.append(world.runs.get(other.id))
        if sum(map(_is_telling, current_runs)) > most:
            break
    return current_runs


def _all_failed_alike(
    current_runs: Iterable[Run], blueprint: Blueprint, run: Run, most: int
) -> bool:
    """Return whether the newest `most` conclusive runs all failed with the class of this one."""
    by_id = {**{other.id: other for other in current_runs}, run.id: run}
    newest = sorted(
        by_id.values(), key=lambda known_run: (known_run.created_at, known_run.id), reverse=True
    )
    telling = [other for other in newest if _is_telling(other)][:most]
    return len(telling) == most and all(_failed_alike(other, run, blueprint) for other in telling)


def _list_newest(world: World, blueprint: Blueprint, most: int) -> list[Run]:
    """Return the newest runs of a blueprint, far enough back to include `most` conclusive ones."""
    newest_runs: list[Run] = []
    cursor: Cursor | None = None
    for _ in range(MAX_PAGES):
        page, cursor = world.runs.list_of_blueprint(blueprint.id, cursor, PAGE_SIZE)
        newest_runs += page
        if cursor is None or sum(map(_is_telling, newest_runs)) >= most:
            break
    return newest_runs


def _is_telling(run: Run) -> bool:
    """Return whether a run shows if its blueprint works; a forge outage shows nothing."""
    if run.state is not State.FAILED:
        return run.state in SUCCESS_STATES
    not_cloned = run.error_class == ErrorClass.NETWORK and run.stage == Phase.CLONE
    return run.error_class not in FORGE_OUTAGE_CLASSES and not not_cloned


def _failed_alike(other: Run, run: Run, blueprint: Blueprint) -> bool:
    since = blueprint.resumed_at
    counts = since is None or (other.completed_at is not None and other.completed_at > since)
    return other.state is State.FAILED and other.error_class == run.error_class and counts
