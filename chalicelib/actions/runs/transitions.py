"""State changes of runs: each writes the state, history, slots and messages together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from chalicelib.actions import due_messages, telemetry
from chalicelib.actions.notifications import announce
from chalicelib.actions.runs import circuit_breaker
from chalicelib.domain.display_text import MAX_ERROR_LENGTH
from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.errors import Superseded
from chalicelib.domain.ids import CounterKey
from chalicelib.domain.runs.attempt import AttemptOutcome, change_attempt
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run, move_run, with_changes
from chalicelib.domain.runs.run_changes import RunChanges
from chalicelib.domain.runs.state import ACTIVE_STATES, HOLDS_SLOT, State
from chalicelib.ports import World, WriteConflict

ADMISSION_RETRY_INTERVAL = timedelta(minutes=1)
RUNNER_REMINDER_INTERVAL = timedelta(minutes=5)
PUBLISH_GRACE = timedelta(seconds=90)
"""The time after which a publishing process has certainly ended; longer than its timeout."""
MAX_SILENCE = timedelta(seconds=90)
LEDGER_SLACK = timedelta(days=1)
"""The time for which a ledger record and its brief are stored beyond the retention."""


def needs_brief_kept(world: World, run: Run) -> bool:
    """Return whether the brief of a run may expire before the run does.

    A final run is stored for the retention from its end. For an active run, the answer is true once
    a third of the retention has passed since the last extension.
    """
    now, retention = world.now(), world.policy.retention
    kept_until = run.brief_kept_until or run.created_at + retention + LEDGER_SLACK
    spent = LEDGER_SLACK if run.is_final else retention / 3
    return kept_until - now < retention + LEDGER_SLACK - spent


def transition_run(
    world: World, run: Run, to: State, *, by: str, message: str, **changes: Unpack[RunChanges]
) -> Run:
    """Move `run` by compare-and-swap, free its slots if it stops working, and send its messages.

    Raises `IllegalTransition` if the state machine does not allow the move, and `Superseded` if the
    run was changed concurrently.
    """
    new = move_run(run, to, by=by, message=message, at=world.now(), **changes)
    if new.is_final and new.due_at is None and needs_brief_kept(world, new):
        new = replace(new, due_at=world.now())  # to check its brief once more
    frees = run.state in HOLDS_SLOT and to not in HOLDS_SLOT
    leaves = [
        *(run.slot_ids if frees else ()),
        *_active_sets(run, run.state, to),
        *_open_pr_sets(run, new),
    ]
    enters = [*_active_sets(run, to, run.state), *_open_pr_sets(new, run)]
    announce.announce_move(world, run, new)
    _store_run(world, new, run, leaves=leaves, enters=enters)
    telemetry.log_move(world, new, run.state, by)
    due_messages.enqueue_if_due_soon(world, [new])
    if frees or to is State.QUEUED:
        due_messages.enqueue_admissions(world, [run.queue_id])
    if to is State.FAILED and new.blueprint_id:
        circuit_breaker.pause_after_failures(world, new)
    return new


def _active_sets(run: Run, inside: State, outside: State) -> list[CounterKey]:
    """Return the set of active runs that holds the run in state `inside` but not in `outside`."""
    counted = run.overlap_key and inside in ACTIVE_STATES and outside not in ACTIVE_STATES
    return [run.overlap_key] if counted and run.overlap_key else []


def _open_pr_sets(counted: Run, other: Run) -> list[CounterKey]:
    """Return the set of open pull requests that contains the first run but not the other."""
    key = counted.open_prs_key
    return [key] if key and key != other.open_prs_key else []


def fail_run(world: World, run: Run, *, by: str, error_class: ErrorClass, message: str) -> Run:
    """Fail a run, with the same message in its history and its error."""
    return transition_run(
        world,
        run,
        State.FAILED,
        by=by,
        message=message,
        error_class=error_class,
        error_message=message,
        waiting_for=None,
    )


def cancel_run(world: World, run: Run, *, by: str, message: str) -> Run:
    """Cancel a run.

    One that is publishing is checked once more later, because its pull request may be open.
    """
    publishes = run.stage == Phase.PUBLISH and run.repo_url is not None
    return transition_run(
        world,
        run,
        State.CANCELLED,
        by=by,
        message=message,
        stage=None,
        waiting_for=None,
        due_at=world.now() + PUBLISH_GRACE if publishes else None,
    )


def fail_or_escalate(
    world: World, run: Run, *, by: str, message: str, **changes: Unpack[RunChanges]
) -> Run:
    """Fail a run; if its pull request is open, it needs attention instead, and stays tracked."""
    if run.has_open_pr and run.state is State.RUNNING:
        soon: RunChanges = {"due_at": world.now(), "stage": None}
        to = State.NEEDS_ATTENTION
        return transition_run(world, run, to, by=by, message=message, **(soon | changes))
    return transition_run(world, run, State.FAILED, by=by, message=message, **changes)


def update_run(world: World, run: Run, **changes: Unpack[RunChanges]) -> Run:
    """Change a run within its state, by compare-and-swap; its open pull request is counted.

    Raises `Superseded` if the run was changed concurrently.
    """
    new = with_changes(run, at=world.now(), **changes)
    _store_run(world, new, run, leaves=_open_pr_sets(run, new), enters=_open_pr_sets(new, run))
    return new


def _store_run(
    world: World, new: Run, was: Run, *, leaves: list[CounterKey], enters: list[CounterKey]
) -> None:
    """Write a run and the sets that it leaves and enters in one transaction."""
    if not leaves and not enters:
        world.runs.put(new, was)
        return
    try:
        world.run_sets.move_run(new, was, leaves=leaves, enters=enters)
    except WriteConflict as taken:
        raise Superseded(f"task {was.id!r} was modified concurrently") from taken


def requeue_run(
    world: World,
    run: Run,
    *,
    by: str,
    message: str,
    backoff: timedelta = timedelta(0),
    **changes: Unpack[RunChanges],
) -> Run:
    """Return a run to its queue; it is examined again after `backoff`."""
    now = world.now()
    base: RunChanges = {
        "stage": None,
        "queued_at": run.queued_at or run.created_at,
        "not_before": now + backoff if backoff else None,
        "due_at": now + (backoff or ADMISSION_RETRY_INTERVAL),
        "provisioned_at": None,
        "launch": None,
        "beat_at": None,
    }
    return transition_run(world, run, State.QUEUED, by=by, message=message, **(base | changes))


def recover_lost_runner(world: World, run: Run, *, by: str, why: str) -> Run:
    """Start the next attempt of a run whose runner is lost, or fail the run if no retry is left."""
    attempts = change_attempt(
        run.attempts,
        run.attempt,
        ended_at=world.now(),
        outcome=AttemptOutcome.LOST,
        error_message=why[:MAX_ERROR_LENGTH],
    )
    facts: RunChanges = {"attempts": attempts, "error_class": ErrorClass.LOST_RUNNER}
    telemetry.log_attempt_end(world, run, AttemptOutcome.LOST, ErrorClass.LOST_RUNNER, None)
    if run.retry_count >= run.max_retries:
        why = f"{why}, and no retry is left"[:MAX_ERROR_LENGTH]
        facts["error_message"] = why
        return fail_or_escalate(world, run, by=by, message=why, **facts)
    facts |= {"error_message": why[:MAX_ERROR_LENGTH], "retry_count": run.retry_count + 1}
    return requeue_run(world, run, by=by, message=why, **facts)
