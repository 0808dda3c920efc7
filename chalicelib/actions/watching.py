"""Processing of due runs: they did not move in time, or their turn has come."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from chalicelib.actions import (
    admission,
    briefs,
    launching,
    moving,
    sending,
)
from chalicelib.actions.firing import is_active
from chalicelib.domain import trail
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.run import WATCHDOG, Run, State
from chalicelib.ports import World

LONGEST_PATIENCE = timedelta(minutes=10)


def look_after(world: World, run_id: str) -> None:
    """Do the due step of a run, and hand on a step that waits for its forge or tracker.

    A message too early or too late does nothing.
    """
    try:
        run = world.runs.get(run_id)
    except NotFound:
        return
    with trail.following(run=run.id, firing=run.firing_id):
        if run.steps_at and sending.reached(world, run.steps_at):
            with suppress(Superseded):
                _due(world, briefs.keep_brief(world, run))  # the other writer handles it
        if run.consults_at and run.consults_at <= world.now() + sending.SHORT_WAIT:
            sending.hand_on(world, [{"step": "consult", "runId": run.id}])


def _due(world: World, run: Run) -> None:
    if run.state is State.QUEUED:
        _queued(world, run)
    elif run.state is State.PROVISIONING:
        _unclaimed(world, run)
    elif run.state is State.RUNNING:
        _silent(world, run)
    else:
        # It waits for a person. If it stayed due, each tick would send it again.
        moving.update(world, run, due_at=None)


def _queued(world: World, run: Run) -> None:
    if run.cancels:
        run = _cancel_others(world, run)
    admission.admit(world, run.queue_key, run)
    now = world.now()
    current = world.runs.get(run.id)
    if current.state is State.QUEUED:
        again = now + _admission_distance(world, current)
        reason = "a free slot"
        moving.update(world, current, due_at=again, waiting_for=reason, failures=0)


def _admission_distance(world: World, run: Run) -> timedelta:
    """Return the time until a queued run requests admission again, if no freed slot causes one.

    The first run of a queue does so every minute while the stage has free slots, so that a lost
    message leaves no slot idle. Other runs do so less often the longer they have waited.
    """
    waited = world.now() - (run.queued_at or run.created_at)
    is_first = run.rank == world.runs.first_rank(run.queue_key)
    if is_first and not admission.is_full(world):
        return moving.ADMIT_AGAIN
    return min(LONGEST_PATIENCE, moving.ADMIT_AGAIN + waited / 2)


def _cancel_others(world: World, run: Run) -> Run:
    """Cancel the runs that this one replaces, before it may start itself."""
    for run_id in run.cancels:
        if is_active(world, run_id):
            old = world.runs.get(run_id)
            moving.cancel(world, old, by="overlap", message=f"replaced by the newer run {run.id}")
    return moving.update(world, run, cancels=())


def _unclaimed(world: World, run: Run) -> None:
    if launching.launched(run):
        launching.look_after(world, run)
        return
    world.metrics.runner_missing()
    moving.requeue(
        world,
        run,
        by=WATCHDOG,
        message="no runner claimed it within 5 minutes",
        waiting_for="a runner",
    )


def _silent(world: World, run: Run) -> None:
    """Declare the runner lost after 90 s without a heartbeat; the next attempt takes over."""
    moving.lost(world, run, by=WATCHDOG, why="the runner was lost: no heartbeat for 90 s")
