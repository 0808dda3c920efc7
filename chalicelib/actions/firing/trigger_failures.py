"""Failures of triggers: counted, backed off, and disabled after ten in a row."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.display_text import MAX_REASON_LENGTH
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.ids import TriggerId
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World

log = logging.getLogger(__name__)

MAX_FAILURES = 10
FIRST_BACKOFF = timedelta(seconds=5)
MAX_BACKOFF = timedelta(minutes=10)
RETRY_WINDOW = timedelta(minutes=1)
"""The time after its due time for which a trigger is retried within seconds on temporary failures.
"""


def failure_backoff(failures: int) -> timedelta:
    """Return the wait after this number of consecutive failures; it doubles up to a maximum."""
    return min(MAX_BACKOFF, FIRST_BACKOFF * (1 << min(failures - 1, 10)))


def count_trigger_failure(world: World, trigger_id: TriggerId, error: Exception) -> list[Trigger]:
    """Count a failed firing and back off; disable the trigger after ten in a row.

    A trigger that cannot be computed (its zone is gone, its expression no longer parses) is
    disabled at once. Returns the stored trigger, which needs a message; an empty list if it is gone
    or stays due.
    """
    if world.is_transient(error):
        return _retry_soon(world, trigger_id)
    try:
        trigger = world.triggers.get(trigger_id)
    except NotFound:
        return []
    if trigger.due_at is None:
        return []
    failures = trigger.failures + 1
    given_up = failures >= MAX_FAILURES or isinstance(error, Invalid)
    now = world.now()
    new = replace(
        as_next_version(trigger, trigger),
        updated_at=now,
        failures=failures,
        # Never before its fire time: the failed write may have succeeded.
        due_at=None if given_up else max(trigger.due_at, now + failure_backoff(failures)),
        enabled=trigger.enabled and not given_up,
        disabled_reason=failure_text(error) if given_up else trigger.disabled_reason,
    )
    world.triggers.save_progress(new, trigger)
    return [new]


def _retry_soon(world: World, trigger_id: TriggerId) -> list[Trigger]:
    """Retry a trigger within seconds while it is little overdue; otherwise it stays due."""
    try:
        trigger = world.triggers.get(trigger_id)
        now = world.now()
        if trigger.due_at is None or trigger.next_fire_at is None:
            return []
        lateness = now - (trigger.next_fire_at + trigger.own_jitter)
        if lateness >= RETRY_WINDOW:
            return []
        due = max(trigger.due_at, now + max(FIRST_BACKOFF, lateness))
        new = replace(as_next_version(trigger, trigger), updated_at=now, due_at=due)
        world.triggers.save_progress(new, trigger)
    except NotFound:
        return []
    except Exception as error:
        if not world.is_transient(error):
            raise
        log.warning("trigger stays due: %s", error, extra={"trigger": trigger_id})
        return []
    return [new]


def failure_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_REASON_LENGTH]
