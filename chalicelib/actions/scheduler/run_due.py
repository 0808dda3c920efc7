"""Processing of due runs: they did not move in time, or their turn has come."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from chalicelib import log_context
from chalicelib.actions import due_messages
from chalicelib.actions.firing.firing import is_active
from chalicelib.actions.jobs import builds
from chalicelib.actions.runs import admission, briefs, transitions
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.ids import RunId
from chalicelib.domain.messages import ConsultForge
from chalicelib.domain.runs.run import WATCHDOG_SOURCE, Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World

MAX_ADMISSION_INTERVAL = timedelta(minutes=10)


def handle_due_run(world: World, run_id: RunId) -> None:
    """Do the due step of a run, and hand on a step that waits for its forge or tracker.

    A message too early or too late does nothing.
    """
    try:
        run = world.runs.get(run_id)
    except NotFound:
        return
    with log_context.log_context(run=run.id, firing=run.firing_id):
        if run.steps_at and due_messages.wait_until_due(world, run.steps_at):
            with suppress(Superseded):
                _handle_due(world, briefs.keep_brief(world, run))  # the other writer handles it
        if run.consults_at and run.consults_at <= world.now() + due_messages.MAX_WAIT:
            due_messages.hand_on(world, [ConsultForge(run.id)])


def _handle_due(world: World, run: Run) -> None:
    if run.state is State.QUEUED:
        _handle_queued(world, run)
    elif run.state is State.PROVISIONING:
        _handle_unclaimed(world, run)
    elif run.state is State.RUNNING:
        _handle_silent(world, run)
    else:
        # It waits for a person. If it stayed due, each tick would send it again.
        transitions.update_run(world, run, due_at=None)


def _handle_queued(world: World, run: Run) -> None:
    if run.cancels:
        run = _cancel_others(world, run)
    admission.admit_queue(world, run.queue_id, run)
    now = world.now()
    current = world.runs.get(run.id)
    if current.state is State.QUEUED:
        again = now + _admission_distance(world, current)
        reason = "a free slot"
        transitions.update_run(world, current, due_at=again, waiting_for=reason, failures=0)


def _admission_distance(world: World, run: Run) -> timedelta:
    """Return the time until a queued run requests admission again, if no freed slot causes one.

    The first run of a queue does so every minute while the stage has free slots, so that a lost
    message leaves no slot idle. Other runs do so less often the longer they have waited.
    """
    waited = world.now() - (run.queued_at or run.created_at)
    is_first = run.queue_sort_key == world.runs.first_sort_key(run.queue_id)
    if is_first and not admission.is_stage_full(world):
        return transitions.ADMISSION_RETRY_INTERVAL
    return min(MAX_ADMISSION_INTERVAL, transitions.ADMISSION_RETRY_INTERVAL + waited / 2)


def _cancel_others(world: World, run: Run) -> Run:
    """Cancel the runs that this one replaces, before it may start itself."""
    for run_id in run.cancels:
        if is_active(world, run_id):
            old = world.runs.get(run_id)
            transitions.cancel_run(
                world, old, by="overlap", message=f"replaced by the newer run {run.id}"
            )
    return transitions.update_run(world, run, cancels=())


def _handle_unclaimed(world: World, run: Run) -> None:
    if builds.needs_build(run):
        builds.handle_build(world, run)
        return
    world.metrics.count_missing_runner()
    transitions.requeue_run(
        world,
        run,
        by=WATCHDOG_SOURCE,
        message="no runner claimed it within 5 minutes",
        waiting_for="a runner",
    )


def _handle_silent(world: World, run: Run) -> None:
    """Declare the runner lost after 90 s without a heartbeat; the next attempt takes over."""
    transitions.recover_lost_runner(
        world, run, by=WATCHDOG_SOURCE, why="the runner was lost: no heartbeat for 90 s"
    )
