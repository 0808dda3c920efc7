"""The one way to move a run: state, history, slots and messages belong together."""

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
"""When whoever is publishing has ended for sure: it is longer than the function may take."""
SILENCE = timedelta(seconds=90)
LEDGER_SLACK = timedelta(days=1)
"""How much longer than the retention a record of the ledger is stored, with its brief."""


def needs_brief_kept(world: World, run: Run) -> bool:
    """Return whether the brief of a run may expire before the run does.

    A run that is final is stored for the retention from its end on; of one that lives on, a third
    of that may pass.
    """
    now, retention = world.now(), world.policy.retention
    kept_until = run.brief_kept_until or run.created_at + retention + LEDGER_SLACK
    spent = LEDGER_SLACK if run.final else retention / 3
    return kept_until - now < retention + LEDGER_SLACK - spent


def advance(world: World, run: Run, to: State, *, by: str, message: str, **changes: object) -> Run:
    """Move `run` by compare-and-swap, free its slots where it stops working, and tell the queue.

    Raises `IllegalMove` where the state machine has no such arrow and `Superseded` where somebody
    else moved the run first.
    """
    new = move(run, to, by=by, message=message, at=world.now(), **changes)
    if new.final and new.due_at is None and needs_brief_kept(world, new):
        new = replace(new, due_at=world.now())  # its brief is looked after once more
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
    """Return where the run is counted as active, when it is so in one state and not the other."""
    counted = run.overlap_key and inside in ACTIVE and outside not in ACTIVE
    return [run.overlap_key] if counted and run.overlap_key else []


def _pr(one: Run, other: Run) -> list[str]:
    """Return where the first is counted for its open pull request, and the other is not."""
    key = one.open_prs_key
    return [key] if key and key != other.open_prs_key else []


def fail(world: World, run: Run, *, by: str, error_class: str, message: str) -> Run:
    """Fail a run; its history and its error say the same."""
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
    """Cancel a run. One at its publish is looked at once more: its pull request may be open."""
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
    """Fail a run; one whose pull request is open waits for a person, and is followed on."""
    if run.has_open_pr and run.state is State.RUNNING:
        soon = {"due_at": world.now(), "stage": None}
        to = State.NEEDS_ATTENTION
        return advance(world, run, to, by=by, message=message, **(soon | changes))
    return advance(world, run, State.FAILED, by=by, message=message, **changes)


def update(world: World, run: Run, **changes: object) -> Run:
    """Change a run within its state, by compare-and-swap, and count its open pull request."""
    new = touch(run, at=world.now(), **changes)
    _store(world, new, run, leaves=_pr(run, new), enters=_pr(new, run))
    return new


def _store(world: World, new: Run, was: Run, *, leaves: list[str], enters: list[str]) -> None:
    """Write a run, in one transaction with the counters that it leaves and enters."""
    if not leaves and not enters:
        world.runs.put(new, was)
        return
    try:
        world.slots.move(new, was, leaves=leaves, enters=enters)
    except Taken as taken:
        raise Superseded(f"task {was.id!r} changed meanwhile") from taken


def requeue(
    world: World,
    run: Run,
    *,
    by: str,
    message: str,
    backoff: timedelta = timedelta(0),
    **changes: object,
) -> Run:
    """Send a run back to its queue, to be looked at again after `backoff`."""
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
    """Hand a running run whose runner is gone to its next attempt, or fail it: the one recovery."""
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
    """Return the attempts with `changes` noted on the one of this number."""
    return tuple(
        replace(one, **changes) if one.number == number else one  # type: ignore[arg-type]
        for one in attempts
    )
