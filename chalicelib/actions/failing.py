"""Failures of steps: those that would come again with each try are counted, ten give up visibly.

A failure that passes (throttling, conflicts, missing rights, a forge that is away) counts for
nothing. Its row stays due, so it shows as overdue and the ticks send it again.
"""

from __future__ import annotations

import logging
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
"""For how long after its moment a trigger is tried again within seconds when a failure passes."""


def backoff(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: twice as long after each."""
    return min(LONGEST_BACKOFF, BACKOFF * (1 << min(failures - 1, 10)))


def trigger_failed(world: World, trigger_id: str, error: Exception) -> list[Trigger]:
    """Count a failed firing and back it off; after ten in a row, disable the trigger.

    One that cannot be computed at all (its zone is gone, its expression no longer parses) is
    disabled at once. Returns the trigger as it was stored, for its message.
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
        # Never before its moment: what failed may have been written all the same.
        due_at=None if given_up else max(trigger.due_at, now + backoff(failures)),
        enabled=trigger.enabled and not given_up,
        disabled_reason=_reason(error) if given_up else trigger.disabled_reason,
    )
    world.triggers.note(new, trigger)
    return [new]


def _try_again(world: World, trigger_id: str) -> list[Trigger]:
    """Try a trigger again within seconds while it is hardly late; after that it stays due."""
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


def run_failed(world: World, run_id: str, error: Exception) -> None:
    """Count a failed step of a run and back it off; after ten in a row, fail the run.

    A run whose failure passes stays due as it is, for as long as it takes.

    A run that is not due keeps its moment: what failed was a message that had nothing to do, or
    came after the step's own write. A healthy runner is not declared lost for a failed read.
    """
    if world.passes(error):
        return
    run = world.runs.get(run_id)
    now = world.now()
    if run.due_at is None or run.due_at > now:
        return
    failures = run.failures + 1
    if failures < MOST_FAILURES:
        backed_off = moving.update(world, run, failures=failures, due_at=now + backoff(failures))
        sending.send_soon(world, [backed_off])
        return
    reason = f"a step of the pipeline failed {failures} times: {_reason(error)}"
    if run.final:  # it was only looked at for what it left open
        moving.update(world, run, failures=failures, due_at=None, waiting_for=reason)
        return
    moving.fail(world, run, by="pipeline", error_class="internal", message=reason)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
