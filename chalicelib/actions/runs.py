"""Runs by hand: started, cancelled, tried again, taken up again."""

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
    """Return the params of a run by hand that names none: those of the blueprint's schedules.

    None where schedules hold different ones, so that a person has to choose.
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
    """Fire by hand; a definition that is not `stored` is an ad-hoc task.

    With a claim (an Idempotency-Key) the same request finds the run that the first one started.
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
        faults = [Fault(f"params.{name}", "the prompt needs a value for it") for name in missing]
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
        raise Conflict(f"{definition.name!r} changed meanwhile, try again") from taken
    sending.send_soon(world, [run])
    return run


def cancel(world: World, run_id: str) -> Run:
    """Stop a run that is not final, though it moves meanwhile; its next beat tells its runner."""

    def cancelled() -> Run:
        run = world.runs.get(run_id)
        if run.state in FINAL:
            why = f"this task is {run.state} already: there is nothing to cancel"
            raise IllegalMove(run.state, State.CANCELLED, why)
        return moving.cancel(world, run, by="user", message="cancelled")

    return persist(f"task {run_id!r}", cancelled)


def may_retry(run: Run) -> bool:
    """Whether a run may be tried again."""
    return run.state in (State.FAILED, State.CANCELLED)


def may_resume(run: Run) -> bool:
    """Whether a run may be taken up again: one that failed needs work to go on with."""
    if run.state is State.FAILED:
        return run.branch is not None or (run.kept is not None and run.kept.bundle is not None)
    return run.state in (State.NEEDS_ATTENTION, State.PR_OPENED)


def retry(world: World, run_id: str) -> Run:
    """Try a failed or cancelled run again: from its beginning, or from what is left of its push.

    Kept work whose agent had ended is pushed without another agent.
    """
    run = world.runs.get(run_id)
    if not may_retry(run):
        why = f"only a failed or a cancelled task is retried; this one is {run.state}"
        raise IllegalMove(run.state, State.QUEUED, why)
    return moving.requeue(
        world,
        run,
        by="user",
        message="tried again",
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
    return f"a task is resumed when it is {wanted}; this one is {run.state}"


def named_secrets(world: World, run: Run) -> tuple[str, ...]:
    """Return the secrets that a run's repo and definition name."""
    repo = world.repos.find(run.repo_url) if run.repo_url else None
    return tuple(dict.fromkeys([*(repo.secrets if repo else ()), *run.secrets]))


def check_may_prompt(world: World, run: Run, *, may_write: bool) -> None:
    """Raise `Forbidden` where a new prompt would reach secrets that its author may not name.

    An agent does what its prompt says, also with the secrets of its run.
    """
    if not may_write and (names := named_secrets(world, run)):
        raise Forbidden(
            f"this run has the secrets {', '.join(names)}: a prompt of your own needs an API key"
            " with the scope write"
        )


def resume(world: World, run_id: str, prompt: str) -> Run:
    """Take a run up again on its own branch or from its kept work, with a new prompt."""
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
