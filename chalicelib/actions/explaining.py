"""Explanations of why a trigger fired or did not, from the ledger, then from its configuration."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain import firing as firings
from chalicelib.domain import schedule as schedules
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Firing, Outcome, moment_text
from chalicelib.domain.trigger import Trigger, TriggerType
from chalicelib.ports import World

NEAR = timedelta(minutes=5)
MOST_PAGES = 20
REASONS = {
    "paused": "it was paused",
    "missed": "the scheduler was not running then, and its catch-up policy skips it",
    "overlap": "an earlier run was still active, and its overlap policy forbids another one",
    "untrusted": "its label was not set by a person with write access to the repo",
    "backlog": "it existed before this trigger first listed the tickets",
    "open_pr": "a pull request of an earlier run is open, and its policy forbids another one",
    "unchanged": "its branch is unchanged since the last run, which found nothing to do",
    "missing_params": "its prompt uses params that have no value",
    "loop": "it was caused by an earlier run of the same blueprint",
    "filtered": "it does not match its filter or its list of events",
    "ping": "its sender only tested the address",
}


def explain(
    world: World, definition: Blueprint, trigger: Trigger, at: datetime
) -> tuple[str, Firing | None]:
    """Return one sentence, and the ledger record that it is based on, if there is one."""
    if trigger.type is not TriggerType.SCHEDULE:
        return _near(world, trigger, at)
    found = _record(world, trigger, at)
    if found:
        return _told(found, moment_text(at)), found
    return _unrecorded(world, definition, trigger, at), None


def _record(world: World, trigger: Trigger, at: datetime) -> Firing | None:
    try:
        return world.firings.get(firings.firing_id(trigger.id, moment_text(at)))
    except NotFound:
        pass
    position: str | None = None
    for _ in range(MOST_PAGES):
        page, position = world.firings.of_trigger(trigger.id, position, 100)
        for firing in page:
            if firing.until and firing.occurrence <= moment_text(at) <= firing.until:
                return firing
        if position is None or page[-1].fired_at < at:
            return None
    return None


def _told(firing: Firing, at: str) -> str:
    if firing.outcome is Outcome.FIRED:
        return f"It fired for {at}, {firing.lateness_ms} ms later, as task {firing.run_id}."
    reason = REASONS.get(firing.reason or "", firing.reason)
    if firing.outcome is Outcome.FAILED:
        return f"It was due at {at} and failed: {reason}."
    if firing.count and firing.count > 1:
        gap = f"one of {firing.count} times from {firing.occurrence} to {firing.until}"
        return f"It did not fire at {at}, {gap}: {reason}."
    return f"It did not fire at {at}: {reason}."


def _unrecorded(world: World, definition: Blueprint, trigger: Trigger, at: datetime) -> str:
    now, text = world.now(), moment_text(at)
    assert trigger.schedule is not None
    if trigger.disabled_reason:
        return f"It does not fire: it was disabled, {trigger.disabled_reason}."
    if at + trigger.jitter < trigger.created_at:
        return f"It did not fire at {text}: it was created at {moment_text(trigger.created_at)}."
    if schedules.next_after(trigger.timing, at - timedelta(microseconds=1)) != at:
        return _unnamed(trigger, at)
    if not (trigger.enabled and definition.enabled):
        verb = "would fire" if at + trigger.jitter > now else "did not fire"
        return f"It {verb} at {text}, but it is paused now."
    if at + trigger.jitter > now:
        return f"It will fire at {moment_text(at + trigger.jitter)}."
    if trigger.next_fire_at and trigger.next_fire_at <= at:
        late = round((now - at - trigger.jitter).total_seconds())
        return f"It has been due since {text} and has not fired yet, {max(0, late)} s late."
    if at < now - world.policy.retention:
        days = world.policy.retention.days
        return f"The ledger covers {days} days; {text} is before that."
    edited = moment_text(trigger.updated_at)
    return f"It did not fire at {text}: its schedule was different then (changed {edited})."


def _unnamed(trigger: Trigger, at: datetime) -> str:
    config = trigger.schedule
    assert config is not None
    day = timedelta(days=1)
    before = schedules.nth_newest(trigger.timing, after=at - day, until=at, number=1)
    after = schedules.next_after(trigger.timing, at)
    near = [moment_text(moment) for moment in (before, after) if moment]
    beside = f"; the nearest are {' and '.join(near)}" if near else "; the schedule has ended"
    return (
        f"It does not fire at {moment_text(at)}: {config.cron!r} in {config.timezone} "
        f"does not match this time{beside}."
    )


def _near(world: World, trigger: Trigger, at: datetime) -> tuple[str, Firing | None]:
    """Explain an event that came from outside: the record nearest to `at`, within `NEAR`."""
    since = f"{(at + NEAR):%Y-%m-%dT%H:%M:%S.%fZ}#~"  # after all records of that time
    page, _ = world.firings.of_trigger(trigger.id, since, 50)
    near = [firing for firing in page if abs(firing.fired_at - at) <= NEAR]
    if not near:
        return (
            f"It received nothing within five minutes of {moment_text(at)}. Requests "
            "without a valid signature leave no record.",
            None,
        )
    firing = min(near, key=lambda one: abs(one.fired_at - at))
    came = moment_text(firing.fired_at)
    if firing.outcome is Outcome.FIRED:
        return f"{firing.occurrence} came at {came} and fired task {firing.run_id}.", firing
    reason = REASONS.get(firing.reason or "", firing.reason)
    return f"{firing.occurrence} came at {came} and fired nothing: {reason}.", firing
