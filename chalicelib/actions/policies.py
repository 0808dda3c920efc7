"""Policies of a blueprint that depend on its earlier runs, checked before it fires again.

All data comes from our own tables, because a delivery is answered within a second. Only the present
commit of a branch is requested from the forge, and only for schedules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.actions import credentials
from chalicelib.domain import limits, loop
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.repo import normal_url
from chalicelib.domain.run import ACTIVE, Run, State, branch_key, label_key
from chalicelib.domain.trigger import Overlap
from chalicelib.ports import World

MOST_LOOKED_AT = 5


@dataclass(frozen=True, kw_only=True)
class Held:
    """The consequence of a blueprint's open pull requests for its next run."""

    open: int
    skipped: bool
    works_on: Run | None = None


def open_prs(world: World, definition: Blueprint) -> Held:
    """Return the consequence of a blueprint's open pull requests for its next run."""
    if not definition.minds_open_prs:
        return Held(open=0, skipped=False)
    runs = [run for run in _held(world, definition.open_prs_key) if run.has_open_pr]
    most = definition.max_open_prs
    full = most is not None and len(runs) >= most
    if definition.on_open_pr == "skip":
        return Held(open=len(runs), skipped=bool(runs))
    if definition.on_open_pr == "update" and runs:
        newest = max(runs, key=lambda run: (run.created_at, run.id))
        return Held(open=len(runs), skipped=newest.state in ACTIVE, works_on=newest)
    return Held(open=len(runs), skipped=full)


def applied(world: World, definition: Blueprint, decision: Decision) -> Decision | None:
    """Return the decision with the branch that its run should continue, or None to skip the run."""
    held = open_prs(world, definition)
    if held.skipped:
        return None
    if held.works_on is None or decision.run is None:
        return decision
    return replace(decision, run=replace(decision.run, works_on=held.works_on.branch))


def _held(world: World, key: str) -> list[Run]:
    found = []
    for run_id in sorted(world.slots.held(key)):
        try:
            found.append(world.runs.get(run_id))
        except NotFound:
            continue  # deleted long ago
    return found


def unchanged(world: World, definition: Blueprint) -> bool:
    """Return whether the newest run found nothing to do on the branch's present commit.

    If the branch's state is unknown, assume it changed: an extra run is better than a missed one.
    """
    if not definition.skip_if_unchanged or definition.repo_url is None:
        return False
    newest, _ = world.runs.of_definition(definition.id, None, 1)
    if not newest or newest[0].state is not State.COMPLETED or newest[0].branch:
        return False
    looked_at = newest[0].head_sha
    if looked_at is None or credentials.place_of(world, definition.repo_url) is None:
        return False
    try:
        forge = credentials.forge_of(world, definition.repo_url)
        branch = definition.repo_branch or forge.default_branch()
        return forge.head(branch) == looked_at
    except ForgeError:
        return False


def looped(world: World, definition: Blueprint, payload: object) -> bool:
    """Return whether a delivery was caused by a run of the same blueprint."""
    if not isinstance(payload, dict):
        return False
    caused = loop.marks(payload)[:MOST_LOOKED_AT]
    labelled = loop.labelled(payload)
    if labelled:
        caused += sorted(world.slots.held(label_key(*labelled)))
    named = None if definition.leaves_repo_open else definition.repo_url
    repo_url = named or _repo_of(payload)
    if repo_url:
        for name in loop.branches(payload)[:MOST_LOOKED_AT]:
            caused += sorted(world.slots.held(branch_key(repo_url, name)))
    runs = world.runs.several(list(dict.fromkeys(caused)))
    return any(run.definition_id == definition.id for run in runs)


def _repo_of(payload: dict[str, object]) -> str | None:
    repository = payload.get("repository")
    try:
        return normal_url(str(repository["html_url"])) if isinstance(repository, dict) else None
    except (Invalid, KeyError):
        return None


def reason_of_crowd(world: World, basis: Basis, run: Run) -> str | None:
    """Return why a run may not join the active runs of its blueprint, None if it may.

    Their ids are stored in one row, which is rewritten with each firing and has a size limit.
    """
    if run.overlap_key is None:
        return None
    minds = basis.trigger is not None and basis.trigger.overlap is not Overlap.ALLOW
    held = basis.active if minds else world.slots.held(run.overlap_key)
    if len(held) < limits.ACTIVE:
        return None
    working = sum(other.state in ACTIVE for other in world.runs.several(sorted(held)))
    if working < limits.ACTIVE:
        return None
    return (
        f"{limits.ACTIVE:,} tasks of this blueprint are already queued or running: "
        "wait until some have ended"
    )
