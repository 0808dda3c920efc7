"""Explanations of why a trigger fired or did not, from the ledger, then from its configuration."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.ids import format_moment
from chalicelib.domain.page import Cursor, position_after
from chalicelib.domain.texts.skip_reason import describe_reason
from chalicelib.domain.triggers import schedule as schedules
from chalicelib.domain.triggers.trigger import OnSchedule, Trigger
from chalicelib.ports import World

NEAR_SPAN = timedelta(minutes=5)
MAX_PAGES = 20


def explain_firing(
    world: World, blueprint: Blueprint, trigger: Trigger, at: datetime
) -> tuple[str, Firing | None]:
    """Return one sentence, and the ledger record that it is based on, if there is one."""
    if not isinstance(trigger, OnSchedule):
        return _explain_nearest(world, trigger, at)
    record = _find_record(world, trigger, at)
    if record:
        return _explain_record(record, format_moment(at)), record
    return _explain_missing(world, blueprint, trigger, at), None


def _find_record(world: World, trigger: Trigger, at: datetime) -> Firing | None:
    try:
        return world.firings.get(firings.firing_id(trigger.id, format_moment(at)))
    except NotFound:
        pass
    position: Cursor | None = None
    for _ in range(MAX_PAGES):
        page, position = world.firings.list_of_trigger(trigger.id, position, 100)
        for firing in page:
            if firing.until and firing.occurrence <= format_moment(at) <= firing.until:
                return firing
        if position is None or page[-1].fired_at < at:
            return None
    return None


def _explain_record(firing: Firing, at: str) -> str:
    if firing.outcome is Outcome.FIRED:
        return f"It fired for {at}, {firing.lateness_ms} ms later, as task {firing.run_id}."
    reason = describe_reason(firing.reason)
    if firing.outcome is Outcome.FAILED:
        return f"It was due at {at} and failed: {reason}."
    if firing.count and firing.count > 1:
        gap = f"one of {firing.count} times from {firing.occurrence} to {firing.until}"
        return f"It did not fire at {at}, {gap}: {reason}."
    return f"It did not fire at {at}: {reason}."


def _explain_missing(world: World, blueprint: Blueprint, trigger: OnSchedule, at: datetime) -> str:
    now, text = world.now(), format_moment(at)
    if trigger.disabled_reason:
        return f"It does not fire: it was disabled, {trigger.disabled_reason}."
    if at + trigger.own_jitter < trigger.created_at:
        return f"It did not fire at {text}: it was created at {format_moment(trigger.created_at)}."
    if schedules.next_after(trigger.cron_schedule, at - timedelta(microseconds=1)) != at:
        return _explain_unnamed(trigger, at)
    if not (trigger.enabled and blueprint.enabled):
        verb = "would fire" if at + trigger.own_jitter > now else "did not fire"
        return f"It {verb} at {text}, but it is paused now."
    if at + trigger.own_jitter > now:
        return f"It will fire at {format_moment(at + trigger.own_jitter)}."
    if trigger.next_fire_at and trigger.next_fire_at <= at:
        lateness = round((now - at - trigger.own_jitter).total_seconds())
        return f"It has been due since {text} and has not fired yet, {max(0, lateness)} s late."
    if at < now - world.policy.retention:
        days = world.policy.retention.days
        return f"The ledger covers {days} days; {text} is before that."
    edited = format_moment(trigger.updated_at)
    return f"It did not fire at {text}: its schedule was different then (changed {edited})."


def _explain_unnamed(trigger: OnSchedule, at: datetime) -> str:
    config = trigger.schedule
    day = timedelta(days=1)
    before = schedules.nth_newest(trigger.cron_schedule, after=at - day, until=at, number=1)
    after = schedules.next_after(trigger.cron_schedule, at)
    near = [format_moment(moment) for moment in (before, after) if moment]
    beside = f"; the nearest are {' and '.join(near)}" if near else "; the schedule has ended"
    return (
        f"It does not fire at {format_moment(at)}: {config.cron!r} in {config.timezone} "
        f"does not match this time{beside}."
    )


def _explain_nearest(world: World, trigger: Trigger, at: datetime) -> tuple[str, Firing | None]:
    """Explain an event that came from outside: the record nearest to `at`, within `NEAR_SPAN`."""
    page, _ = world.firings.list_of_trigger(trigger.id, position_after(at + NEAR_SPAN), 50)
    near = [firing for firing in page if abs(firing.fired_at - at) <= NEAR_SPAN]
    if not near:
        return (
            f"It received nothing within five minutes of {format_moment(at)}. Requests "
            "without a valid signature leave no record.",
            None,
        )
    firing = min(near, key=lambda nearby: abs(nearby.fired_at - at))
    came = format_moment(firing.fired_at)
    if firing.outcome is Outcome.FIRED:
        return f"{firing.occurrence} came at {came} and fired task {firing.run_id}.", firing
    reason = describe_reason(firing.reason)
    return f"{firing.occurrence} came at {came} and fired nothing: {reason}.", firing
