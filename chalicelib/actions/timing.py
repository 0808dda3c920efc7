"""The next time of a trigger when somebody makes, edits, pauses or resumes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.domain import firing as firings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import Firing, Skip
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Change, World


def begun(world: World, new: Trigger, definition: Blueprint) -> Trigger:
    """Return a trigger with its first time from now on; while paused it is not due.

    The clocks of two workers differ: one that is behind must not decide again what was decided.
    """
    now = world.now()
    next_fire_at, due_at = new.upcoming(max(now, new.decided_until or now))
    live = new.enabled and definition.enabled
    if live and new.schedule and next_fire_at is None:
        raise Invalid("the schedule is over before it fires once", "config.endAt")
    return replace(new, next_fire_at=next_fire_at, due_at=due_at if live else None)


def changed(
    world: World, was: Trigger, new: Trigger, before: Blueprint, after: Blueprint
) -> Change:
    """Return the edit of a trigger (or of its definition), with the gap that it leaves behind.

    An edit that changes neither times nor pause moves nothing. One that resumes begins anew from
    now on, and what was passed over is one record; so is what was due and not yet fired when its
    times were edited.
    """
    now = world.now()
    new = replace(new, version=was.version + 1, updated_at=now)
    if new.schedule is None or was.schedule is None:
        return Change(new=new, was=was)
    live, lived = new.enabled and after.enabled, was.enabled and before.enabled
    passed = was.unsettled(now)
    same = new.schedule.times == was.schedule.times
    if same and (lived or not live or (was.next_fire_at and not passed)):
        due = was.next_fire_at + new.jitter if live and was.next_fire_at else None
        return Change(new=replace(new, due_at=due), was=was)
    if passed:
        new = replace(new, decided_until=passed[-1])
    return Change(
        new=replace(begun(world, new, after), failures=0),
        was=was,
        gap=_gap(was, passed, Skip.MISSED if lived else Skip.PAUSED, now) if passed else None,
    )


def _gap(trigger: Trigger, moments: list[datetime], reason: Skip, now: datetime) -> Firing:
    return firings.gap(
        moments,
        reason,
        trigger_id=trigger.id,
        definition_id=trigger.definition_id,
        now=now,
    )
