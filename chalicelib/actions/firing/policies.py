"""Policies of a blueprint that depend on its earlier runs, checked before it fires again.

All data comes from our own tables, because a delivery is answered within a second. Only the present
commit of a branch is requested from the forge, and only for schedules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.actions.access import forge_credentials
from chalicelib.domain import limits
from chalicelib.domain.blueprints.blueprint import Blueprint, OpenPrPolicy
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.firing import loop_detection
from chalicelib.domain.firing.decision import BlueprintContext, Decision, FiringContext
from chalicelib.domain.ids import CounterKey
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_keys import branch_key, label_key
from chalicelib.domain.runs.state import ACTIVE_STATES, State
from chalicelib.domain.triggers.trigger import Overlap
from chalicelib.ports import World

MAX_OPEN_RUNS_READ = 5


@dataclass(frozen=True, kw_only=True)
class OpenPrDecision:
    """The consequence of a blueprint's open pull requests for its next run."""

    open_runs: int
    blocks: bool
    target_run: Run | None = None


def decide_open_prs(world: World, blueprint: Blueprint) -> OpenPrDecision:
    """Return the consequence of a blueprint's open pull requests for its next run."""
    if not blueprint.restricts_open_prs:
        return OpenPrDecision(open_runs=0, blocks=False)
    runs = [run for run in _open_runs(world, blueprint.open_prs_key) if run.has_open_pr]
    most = blueprint.max_open_prs
    full = most is not None and len(runs) >= most
    if blueprint.on_open_pr == OpenPrPolicy.SKIP:
        return OpenPrDecision(open_runs=len(runs), blocks=bool(runs))
    if blueprint.on_open_pr == OpenPrPolicy.UPDATE and runs:
        newest = max(runs, key=lambda run: (run.created_at, run.id))
        return OpenPrDecision(
            open_runs=len(runs), blocks=newest.state in ACTIVE_STATES, target_run=newest
        )
    return OpenPrDecision(open_runs=len(runs), blocks=full)


def apply_open_prs(world: World, blueprint: Blueprint, decision: Decision) -> Decision | None:
    """Return the decision with the branch that its run should continue, or None to skip the run."""
    held = decide_open_prs(world, blueprint)
    if held.blocks:
        return None
    if held.target_run is None or decision.run is None:
        return decision
    return replace(decision, run=replace(decision.run, works_on=held.target_run.branch))


def _open_runs(world: World, key: CounterKey) -> list[Run]:
    open_runs = []
    for run_id in sorted(world.run_sets.held_runs(key)):
        try:
            open_runs.append(world.runs.get(run_id))
        except NotFound:
            continue  # deleted long ago
    return open_runs


def is_unchanged(world: World, blueprint: Blueprint) -> bool:
    """Return whether the newest run found nothing to do on the branch's present commit.

    If the branch's state is unknown, assume it changed: an extra run is better than a missed one.
    """
    if not blueprint.skip_if_unchanged or blueprint.repo_url is None:
        return False
    newest, _ = world.runs.list_of_blueprint(blueprint.id, None, 1)
    if not newest or newest[0].state is not State.COMPLETED or newest[0].branch:
        return False
    looked_at = newest[0].head_sha
    if looked_at is None or forge_credentials.location_of(world, blueprint.repo_url) is None:
        return False
    try:
        forge = forge_credentials.open_forge_of(world, blueprint.repo_url)
        branch = blueprint.repo_branch or forge.default_branch()
        return forge.read_head(branch) == looked_at
    except ForgeError:
        return False


def is_loop(world: World, blueprint: Blueprint, payload: object) -> bool:
    """Return whether a delivery was caused by a run of the same blueprint."""
    if not isinstance(payload, dict):
        return False
    caused = loop_detection.run_ids_in_texts(payload)[:MAX_OPEN_RUNS_READ]
    labelled = loop_detection.labelled_ticket(payload)
    if labelled:
        caused += sorted(world.run_sets.held_runs(label_key(*labelled)))
    blueprint_repo = None if blueprint.leaves_repo_open else blueprint.repo_url
    repo_url = blueprint_repo or _repo_of(payload)
    if repo_url:
        for name in loop_detection.run_branches(payload)[:MAX_OPEN_RUNS_READ]:
            caused += sorted(world.run_sets.held_runs(branch_key(repo_url, name)))
    runs = world.runs.get_many(list(dict.fromkeys(caused)))
    return any(run.blueprint_id == blueprint.id for run in runs)


def _repo_of(payload: dict[str, object]) -> str | None:
    repository = payload.get("repository")
    try:
        return normal_url(str(repository["html_url"])) if isinstance(repository, dict) else None
    except (Invalid, KeyError):
        return None


def overlap_reason(world: World, basis: BlueprintContext, run: Run) -> str | None:
    """Return why a run may not join the active runs of its blueprint, None if it may.

    Their ids are stored in one row, which is rewritten with each firing and has a size limit.
    """
    if run.overlap_key is None:
        return None
    if isinstance(basis, FiringContext) and basis.trigger.overlap_policy is not Overlap.ALLOW:
        held = basis.active
    else:
        held = world.run_sets.held_runs(run.overlap_key)
    if len(held) < limits.MAX_ACTIVE_RUNS:
        return None
    working = sum(other.state in ACTIVE_STATES for other in world.runs.get_many(sorted(held)))
    if working < limits.MAX_ACTIVE_RUNS:
        return None
    return (
        f"{limits.MAX_ACTIVE_RUNS:,} tasks of this blueprint are already queued or running: "
        "wait until some have ended"
    )
