"""Manual operations on runs: start, cancel, retry, resume."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace

from chalicelib.actions import due_messages
from chalicelib.actions.blueprints.blueprints import check_templates, template_of
from chalicelib.actions.firing.fire import ALREADY_DECIDED, WriteResult, write_decision
from chalicelib.actions.firing.firing import (
    Occurrence,
    decide_firing,
    render_texts,
    resolve_repo,
)
from chalicelib.actions.idempotency import earlier_result, first_result
from chalicelib.actions.optimistic import conflict_error, retry_on_conflict
from chalicelib.actions.runs import transitions
from chalicelib.domain.access.key import Forbidden
from chalicelib.domain.blueprints.blueprint import Blueprint, MissingParams
from chalicelib.domain.errors import Conflict, Fault, IllegalTransition, Invalid
from chalicelib.domain.firing.decision import BlueprintContext
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import FINAL_STATES, State
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports import World


def choose_params(triggers: Iterable[Trigger]) -> Mapping[str, object] | None:
    """Return the params of a manual run that names none: those of the blueprint's schedules.

    None if schedules have different params, so that a person must choose.
    """
    held = [trigger.own_params for trigger in triggers if trigger.own_params]
    if any(params != held[0] for params in held):
        return None
    return held[0] if held else {}


def start_run(
    world: World,
    blueprint: Blueprint,
    params: Mapping[str, object],
    *,
    stored: bool = True,
    claim: IdempotencyClaim | None = None,
) -> Run:
    """Fire manually; a blueprint that is not `stored` is an ad-hoc task.

    With a claim (an Idempotency-Key) a repeated request returns the run of the first one. Raises
    `Invalid` for faulty params or templates, and `Conflict` if the blueprint is paused, a limit is
    reached, or it was changed concurrently.
    """
    if earlier := earlier_result(world, claim):
        return world.runs.get(RunId(earlier))
    if stored and not blueprint.enabled:
        why = f" ({blueprint.paused_reason})" if blueprint.paused_reason else ""
        raise Conflict(f"{blueprint.name!r} is paused{why}: resume it first")
    if not stored:
        check_templates(blueprint)
    occurrence = Occurrence(
        source=blueprint.id if stored else "ad-hoc",
        identity=claim.result_identity if claim else str(uuid.uuid4()),
        trigger_type=TriggerType.MANUAL,
        params=params,
    )
    basis = BlueprintContext(blueprint=blueprint, template=template_of(world, blueprint))
    resolve_repo(world, blueprint, params)
    _, _, missing = render_texts(world, basis, occurrence)
    if missing and blueprint.missing_params != MissingParams.RUN:
        faults = [
            Fault(f"params.{name}", "the prompt needs a value for this param") for name in missing
        ]
        raise Invalid(f"no value for {', '.join(missing)}", faults=faults)
    decision = decide_firing(world, basis, occurrence, stored=stored)
    run = decision.run
    if run is None:
        raise Conflict(f"{blueprint.name!r} did not start: {decision.firing.reason}")
    claimed = replace(decision, claim=replace(claim, result=run.id) if claim else None)
    result = write_decision(world, claimed)
    if result in ALREADY_DECIDED and claim:
        return world.runs.get(RunId(first_result(world, claim)))
    if result is not WriteResult.WRITTEN:
        raise conflict_error(f"{blueprint.name!r}")
    due_messages.enqueue_if_due_soon(world, [run])
    return run


def cancel_run(world: World, run_id: RunId) -> Run:
    """Cancel a run that is not final, even if it moves concurrently.

    Its runner is informed by the answer to its next heartbeat. Raises `IllegalTransition` for a
    final run.
    """

    def cancelled() -> Run:
        run = world.runs.get(run_id)
        if run.state in FINAL_STATES:
            why = f"this task is already {run.state}: there is nothing to cancel"
            raise IllegalTransition(run.state, State.CANCELLED, why)
        return transitions.cancel_run(world, run, by="user", message="cancelled")

    return retry_on_conflict(f"task {run_id!r}", cancelled)


def may_retry(run: Run) -> bool:
    """Return whether a run may be retried."""
    return run.state in (State.FAILED, State.CANCELLED)


def may_resume(run: Run) -> bool:
    """Return whether a run may be resumed; a failed one needs a branch or kept work."""
    if run.state is State.FAILED:
        return run.branch is not None or (run.kept is not None and run.kept.bundle_file is not None)
    return run.state in (State.NEEDS_ATTENTION, State.PR_OPENED)


def retry_run(world: World, run_id: RunId) -> Run:
    """Retry a failed or cancelled run: from its beginning, or from publish if it had been pushed.

    Kept work whose agent had finished is pushed without another agent. Raises `IllegalTransition`
    for any other state.
    """
    run = world.runs.get(run_id)
    if not may_retry(run):
        why = f"only a failed or cancelled task can be retried; this one is {run.state}"
        raise IllegalTransition(run.state, State.QUEUED, why)
    return transitions.requeue_run(
        world,
        run,
        by="user",
        message="retried",
        stage=Phase.PUBLISH if run.stage == Phase.PUBLISH else None,
        queued_at=world.now(),
        started_at=None,
        due_at=world.now(),
        retry_count=0,
        error_message=None,
        error_class=None,
        resume_prompt=None,
    )


def _why_not_resumable(run: Run) -> str:
    resumable_states = "needs_attention, pr_opened, or failed with a branch or kept work"
    return f"a task can be resumed when it is {resumable_states}; this one is {run.state}"


def named_secrets(world: World, run: Run) -> tuple[str, ...]:
    """Return the names of the secrets that a run's repo and blueprint name."""
    repo = world.repos.find_by_url(run.repo_url) if run.repo_url else None
    return tuple(dict.fromkeys([*(repo.secrets if repo else ()), *run.secrets]))


def check_may_prompt(world: World, run: Run, *, may_write: bool) -> None:
    """Raise `Forbidden` if a new prompt would give its author secrets that they may not use.

    An agent follows its prompt, also in using the secrets of its run.
    """
    if not may_write and (names := named_secrets(world, run)):
        raise Forbidden(
            f"this run has the secrets {', '.join(names)}: a prompt of your own needs an API key"
            " with the scope write"
        )


def resume_run(world: World, run_id: RunId, prompt: str) -> Run:
    """Resume a run with a new prompt, on its own branch or from its kept work.

    Raises `IllegalTransition` if the run is in no resumable state.
    """
    run = world.runs.get(run_id)
    if not may_resume(run):
        raise IllegalTransition(run.state, State.QUEUED, _why_not_resumable(run))
    return transitions.requeue_run(
        world,
        run,
        by="user",
        message="resumed",
        queued_at=world.now(),
        started_at=None,
        due_at=world.now(),
        retry_count=0,
        resume_prompt=prompt,
        kept=replace(run.kept, finished=False) if run.kept else None,
        error_message=None,
        error_class=None,
    )
