"""Failures of steps: repeatable failures are counted and back off; the tenth in a row ends it.

Temporary failures (throttling, conflicts, missing rights, an unavailable forge) are not counted.
The row stays due, so it is reported as overdue and the ticks send it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import moving, sending
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import World

log = logging.getLogger(__name__)
MOST_FAILURES = 10
BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=10)
SOON = timedelta(minutes=1)
"""The time after its due time for which a trigger is retried within seconds on temporary failures.
"""


def backoff(failures: int) -> timedelta:
    """Return the wait after this number of consecutive failures; it doubles up to a maximum."""
    return min(LONGEST_BACKOFF, BACKOFF * (1 << min(failures - 1, 10)))


def trigger_failed(world: World, trigger_id: str, error: Exception) -> list[Trigger]:
    """Count a failed firing and back off; disable the trigger after ten in a row.

    A trigger that cannot be computed (its zone is gone, its expression no longer parses) is
    disabled at once. Returns the stored trigger, which needs a message; an empty list if it is gone
    or stays due.
    """
    if world.passes(error):
        return _try_again(world, trigger_id)
    try:
        trigger = world.triggers.get(trigger_id)
    except NotFound:
        return []
    if trigger.due_at is None:
        return []
    failures = trigger.failures + 1
    given_up = failures >= MOST_FAILURES or isinstance(error, Invalid)
    now = world.now()
    new = replace(
        trigger,
        version=trigger.version + 1,
        updated_at=now,
        failures=failures,
        # Never before its fire time: the failed write may have succeeded.
        due_at=None if given_up else max(trigger.due_at, now + backoff(failures)),
        enabled=trigger.enabled and not given_up,
        disabled_reason=_reason(error) if given_up else trigger.disabled_reason,
    )
    world.triggers.note(new, trigger)
    return [new]


def _try_again(world: World, trigger_id: str) -> list[Trigger]:
    """Retry a trigger within seconds while it is little overdue; otherwise it stays due."""
    try:
        trigger = world.triggers.get(trigger_id)
        now = world.now()
        if trigger.due_at is None or trigger.next_fire_at is None:
            return []
        late = now - (trigger.next_fire_at + trigger.jitter)
        if late >= SOON:
            return []
        due = max(trigger.due_at, now + max(BACKOFF, late))
        new = replace(trigger, version=trigger.version + 1, updated_at=now, due_at=due)
        world.triggers.note(new, trigger)
    except NotFound:
        return []
    except Exception as error:
        if not world.passes(error):
            raise
        log.warning("trigger stays due: %s", error, extra={"trigger": trigger_id})
        return []
    return [new]


@contextmanager
def left_to_ticks(world: World, step: str) -> Iterator[None]:
    """Let a failure that passes end the message: ticks find what it was for.

    It would otherwise come back ten times within an hour, and then lie among the dead letters.
    """
    try:
        yield
    except Exception as error:
        if not world.passes(error):
            raise
        log.exception("step left to the next tick", extra={"step": step})


def step_of_run(world: World, run_id: str, step: Callable[[World, str], None]) -> None:
    """Do a step of a run, and count its failure on the run."""
    try:
        step(world, run_id)
    except Exception as error:
        log.exception("run not looked after", extra={"run": run_id})
        run_failed(world, run_id, error)


def run_failed(world: World, run_id: str, error: Exception) -> None:
    """Count a failed step of a run and back off; fail the run after ten in a row.

    A run with a temporary failure stays due indefinitely.

    A run that is not due keeps its due time: the failed message had nothing to do, or failed after
    the step's own write. So a healthy runner is not declared lost because of a failed read. A run
    that publishes has no runner, and its due time may be the lease of the publish that failed.
    """
    if world.passes(error):
        return
    run = world.runs.get(run_id)
    now = world.now()
    if run.due_at is None or (run.due_at > now and not run.publishes):
        return
    failures = run.failures + 1
    if failures < MOST_FAILURES:
        backed_off = moving.update(world, run, failures=failures, due_at=now + backoff(failures))
        sending.send_soon(world, [backed_off])
        return
    reason = f"a step of the pipeline failed {failures} times: {_reason(error)}"
    if run.final:  # it was only processed for its follow-up work
        moving.update(world, run, failures=failures, due_at=None, waiting_for=reason)
        return
    moving.fail(world, run, by="pipeline", error_class="internal", message=reason)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
