"""Manual operations on runs: start, cancel, retry, resume."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace

from chalicelib.actions import moving, sending
from chalicelib.actions.claiming import earlier_result, repeated
from chalicelib.actions.definitions import check, template_of
from chalicelib.actions.firing import Occurrence, commit, decide, placed, rendered
from chalicelib.actions.persisting import persist
from chalicelib.domain.access import Forbidden
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis
from chalicelib.domain.errors import Conflict, Fault, IllegalMove, Invalid
from chalicelib.domain.firing import Claim
from chalicelib.domain.run import FINAL, PUBLISH, Run, State
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Taken, World


def choose_params(triggers: Iterable[Trigger]) -> Mapping[str, object] | None:
    """Return the params of a manual run that names none: those of the blueprint's schedules.

    None if schedules have different params, so that a person must choose.
    """
    held = [trigger.own_params for trigger in triggers if trigger.own_params]
    if any(params != held[0] for params in held):
        return None
    return held[0] if held else {}


def start(
    world: World,
    definition: Blueprint,
    params: Mapping[str, object],
    *,
    stored: bool = True,
    claim: Claim | None = None,
) -> Run:
    """Fire manually; a blueprint that is not `stored` is an ad-hoc task.

    With a claim (an Idempotency-Key) a repeated request returns the run of the first one. Raises
    `Invalid` for faulty params or templates, and `Conflict` if the blueprint is paused, a limit is
    reached, or it was changed concurrently.
    """
    if earlier := earlier_result(world, claim):
        return world.runs.get(earlier)
    if stored and not definition.enabled:
        why = f" ({definition.paused_reason})" if definition.paused_reason else ""
        raise Conflict(f"{definition.name!r} is paused{why}: resume it first")
    if not stored:
        check(definition)
    occurrence = Occurrence(
        source=definition.id if stored else "ad-hoc",
        identity=claim.identity if claim else str(uuid.uuid4()),
        trigger_type="manual",
        params=params,
    )
    basis = Basis(definition=definition, template=template_of(world, definition))
    placed(world, definition, params)
    _, _, missing = rendered(world, basis, occurrence)
    if missing and definition.missing_params != "run":
        faults = [
            Fault(f"params.{name}", "the prompt needs a value for this param") for name in missing
        ]
        raise Invalid(f"no value for {', '.join(missing)}", faults=faults)
    decision = decide(world, basis, occurrence, stored=stored)
    run = decision.run
    if run is None:
        raise Conflict(f"{definition.name!r} did not start: {decision.firing.reason}")
    kept = replace(claim, result=run.id) if claim else None
    try:
        commit(world, replace(decision, claim=kept))
    except Taken as taken:
        if claim and taken.parts & {"claim", "firing", "run"}:
            return world.runs.get(repeated(world, claim))
        raise Conflict(f"{definition.name!r} was modified concurrently; try again") from taken
    sending.send_soon(world, [run])
    return run


def cancel(world: World, run_id: str) -> Run:
    """Cancel a run that is not final, even if it moves concurrently.

    Its runner is informed by the answer to its next heartbeat. Raises `IllegalMove` for a final
    run.
    """

    def cancelled() -> Run:
        run = world.runs.get(run_id)
        if run.state in FINAL:
            why = f"this task is already {run.state}: there is nothing to cancel"
            raise IllegalMove(run.state, State.CANCELLED, why)
        return moving.cancel(world, run, by="user", message="cancelled")

    return persist(f"task {run_id!r}", cancelled)


def may_retry(run: Run) -> bool:
    """Return whether a run may be retried."""
    return run.state in (State.FAILED, State.CANCELLED)


def may_resume(run: Run) -> bool:
    """Return whether a run may be resumed; a failed one needs a branch or kept work."""
    if run.state is State.FAILED:
        return run.branch is not None or (run.kept is not None and run.kept.bundle is not None)
    return run.state in (State.NEEDS_ATTENTION, State.PR_OPENED)


def retry(world: World, run_id: str) -> Run:
    """Retry a failed or cancelled run: from its beginning, or from publish if it had been pushed.

    Kept work whose agent had finished is pushed without another agent. Raises `IllegalMove` for any
    other state.
    """
    run = world.runs.get(run_id)
    if not may_retry(run):
        why = f"only a failed or cancelled task can be retried; this one is {run.state}"
        raise IllegalMove(run.state, State.QUEUED, why)
    return moving.requeue(
        world,
        run,
        by="user",
        message="retried",
        stage=PUBLISH if run.stage == PUBLISH else None,
        queued_at=world.now(),
        started_at=None,
        due_at=world.now(),
        retry_count=0,
        error_message=None,
        error_class=None,
        resume_prompt=None,
    )


def _not_resumable(run: Run) -> str:
    wanted = "needs_attention, pr_opened, or failed with a branch or kept work"
    return f"a task can be resumed when it is {wanted}; this one is {run.state}"


def named_secrets(world: World, run: Run) -> tuple[str, ...]:
    """Return the names of the secrets that a run's repo and blueprint name."""
    repo = world.repos.find(run.repo_url) if run.repo_url else None
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


def resume(world: World, run_id: str, prompt: str) -> Run:
    """Resume a run with a new prompt, on its own branch or from its kept work.

    Raises `IllegalMove` if the run is in no resumable state.
    """
    run = world.runs.get(run_id)
    if not may_resume(run):
        raise IllegalMove(run.state, State.QUEUED, _not_resumable(run))
    return moving.requeue(
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
