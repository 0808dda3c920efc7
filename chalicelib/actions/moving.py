"""State changes of runs: each writes the state, history, slots and messages together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import breaking, notifying, observing, sending
from chalicelib.domain.errors import Superseded
from chalicelib.domain.history import Attempt
from chalicelib.domain.run import ACTIVE, HOLDS_SLOT, PUBLISH, Run, State, move, touch
from chalicelib.ports import Taken, World

ADMIT_AGAIN = timedelta(minutes=1)
RUNNER_WAIT = timedelta(minutes=5)
PUBLISH_ENDS = timedelta(seconds=90)
"""The time after which a publishing process has certainly ended; longer than its timeout."""
SILENCE = timedelta(seconds=90)
LEDGER_SLACK = timedelta(days=1)
"""The time for which a ledger record and its brief are stored beyond the retention."""


def needs_brief_kept(world: World, run: Run) -> bool:
    """Return whether the brief of a run may expire before the run does.

    A final run is stored for the retention from its end. For an active run, the answer is true once
    a third of the retention has passed since the last extension.
    """
    now, retention = world.now(), world.policy.retention
    kept_until = run.brief_kept_until or run.created_at + retention + LEDGER_SLACK
    spent = LEDGER_SLACK if run.final else retention / 3
    return kept_until - now < retention + LEDGER_SLACK - spent


def advance(world: World, run: Run, to: State, *, by: str, message: str, **changes: object) -> Run:
    """Move `run` by compare-and-swap, free its slots if it stops working, and send its messages.

    Raises `IllegalMove` if the state machine does not allow the move, and `Superseded` if the run
    was changed concurrently.
    """
    new = move(run, to, by=by, message=message, at=world.now(), **changes)
    if new.final and new.due_at is None and needs_brief_kept(world, new):
        new = replace(new, due_at=world.now())  # to check its brief once more
    frees = run.state in HOLDS_SLOT and to not in HOLDS_SLOT
    leaves = [*(run.counters if frees else ()), *_overlap(run, run.state, to), *_pr(run, new)]
    enters = [*_overlap(run, to, run.state), *_pr(new, run)]
    notifying.promise_move(world, run, new)
    _store(world, new, run, leaves=leaves, enters=enters)
    observing.moved(world, new, run.state, by)
    sending.send_soon(world, [new])
    if frees or to is State.QUEUED:
        sending.send_admit(world, [run.queue_key])
    if to is State.FAILED and new.definition_id:
        breaking.run_failed(world, new)
    return new


def _overlap(run: Run, inside: State, outside: State) -> list[str]:
    """Return the set of active runs that holds the run in state `inside` but not in `outside`."""
    counted = run.overlap_key and inside in ACTIVE and outside not in ACTIVE
    return [run.overlap_key] if counted and run.overlap_key else []


def _pr(one: Run, other: Run) -> list[str]:
    """Return the set of open pull requests that contains the first run but not the other."""
    key = one.open_prs_key
    return [key] if key and key != other.open_prs_key else []


def fail(world: World, run: Run, *, by: str, error_class: str, message: str) -> Run:
    """Fail a run, with the same message in its history and its error."""
    return advance(
        world,
        run,
        State.FAILED,
        by=by,
        message=message,
        error_class=error_class,
        error_message=message,
        waiting_for=None,
    )


def cancel(world: World, run: Run, *, by: str, message: str) -> Run:
    """Cancel a run.

    One that is publishing is checked once more later, because its pull request may be open.
    """
    publishes = run.stage == PUBLISH and run.repo_url is not None
    return advance(
        world,
        run,
        State.CANCELLED,
        by=by,
        message=message,
        stage=None,
        waiting_for=None,
        due_at=world.now() + PUBLISH_ENDS if publishes else None,
    )


def give_up(world: World, run: Run, *, by: str, message: str, **changes: object) -> Run:
    """Fail a run; if its pull request is open, it needs attention instead, and stays tracked."""
    if run.has_open_pr and run.state is State.RUNNING:
        soon = {"due_at": world.now(), "stage": None}
        to = State.NEEDS_ATTENTION
        return advance(world, run, to, by=by, message=message, **(soon | changes))
    return advance(world, run, State.FAILED, by=by, message=message, **changes)


def update(world: World, run: Run, **changes: object) -> Run:
    """Change a run within its state, by compare-and-swap; its open pull request is counted.

    Raises `Superseded` if the run was changed concurrently.
    """
    new = touch(run, at=world.now(), **changes)
    _store(world, new, run, leaves=_pr(run, new), enters=_pr(new, run))
    return new


def _store(world: World, new: Run, was: Run, *, leaves: list[str], enters: list[str]) -> None:
    """Write a run and the sets that it leaves and enters in one transaction."""
    if not leaves and not enters:
        world.runs.put(new, was)
        return
    try:
        world.slots.move(new, was, leaves=leaves, enters=enters)
    except Taken as taken:
        raise Superseded(f"task {was.id!r} was modified concurrently") from taken


def requeue(
    world: World,
    run: Run,
    *,
    by: str,
    message: str,
    backoff: timedelta = timedelta(0),
    **changes: object,
) -> Run:
    """Return a run to its queue; it is examined again after `backoff`."""
    now = world.now()
    base: dict[str, object] = {
        "stage": None,
        "queued_at": run.queued_at or run.created_at,
        "not_before": now + backoff if backoff else None,
        "due_at": now + (backoff or ADMIT_AGAIN),
        "provisioned_at": None,
        "launch": None,
        "beat_at": None,
    }
    return advance(world, run, State.QUEUED, by=by, message=message, **(base | changes))


def lost(world: World, run: Run, *, by: str, why: str) -> Run:
    """Start the next attempt of a run whose runner is lost, or fail the run if no retry is left."""
    attempts = ended(
        run.attempts, run.attempt, ended_at=world.now(), outcome="lost", error_message=why[:2048]
    )
    facts: dict[str, object] = {"attempts": attempts, "error_class": "lost_runner"}
    observing.attempt_ended(world, run, "lost", "lost_runner", None)
    if run.retry_count >= run.max_retries:
        why = f"{why}, and no retry is left"[:2048]
        facts["error_message"] = why
        return give_up(world, run, by=by, message=why, **facts)
    facts |= {"error_message": why[:2048], "retry_count": run.retry_count + 1}
    return requeue(world, run, by=by, message=why, **facts)  # type: ignore[arg-type]


def ended(attempts: tuple[Attempt, ...], number: int, **changes: object) -> tuple[Attempt, ...]:
    """Return the attempts with `changes` applied to the one with this number."""
    return tuple(
        replace(one, **changes) if one.number == number else one  # type: ignore[arg-type]
        for one in attempts
    )
