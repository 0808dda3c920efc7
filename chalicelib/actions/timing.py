"""The next time of a trigger when somebody makes, edits, pauses or resumes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain import firing as firings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import Firing, Gap, Skip
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Change, World


def begun(world: World, new: Trigger, definition: Blueprint) -> Trigger:
    """Return a trigger with its first time that fires after now; while paused it is not due.

    The clocks of two workers differ: one that is behind must not decide again what was decided.
    """
    since = world.now() - new.jitter
    next_fire_at, due_at = new.upcoming(max(since, new.decided_until or since))
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
    times were edited. An occurrence is due at its jittered moment: what a pause ends before is
    not passed over.
    """
    now = world.now()
    new = replace(new, version=was.version + 1, updated_at=now)
    if new.schedule is None or was.schedule is None:
        return Change(new=new, was=was)
    live, lived = new.enabled and after.enabled, was.enabled and before.enabled
    same = new.schedule.times == was.schedule.times
    if same and (lived or not live):
        return Change(new=_keep_next(was, new, live=live), was=was)
    passed = _find_passed(was, now - was.jitter)
    if same and was.next_fire_at and not passed:
        return Change(new=_keep_next(was, new, live=live), was=was)
    if passed:
        new = replace(new, decided_until=passed.last)
    return Change(
        new=replace(begun(world, new, after), failures=0),
        was=was,
        gap=_gap(was, passed, Skip.MISSED if lived else Skip.PAUSED, now) if passed else None,
    )


def _keep_next(was: Trigger, new: Trigger, *, live: bool) -> Trigger:
    """Return the edited trigger at its next time; only another jitter moves it."""
    next_fire_at = was.next_fire_at
    if next_fire_at and new.jitter != was.jitter:
        next_fire_at, _ = new.upcoming(next_fire_at - timedelta(microseconds=1))
    due = next_fire_at + new.jitter if live and next_fire_at else None
    return replace(new, next_fire_at=next_fire_at, due_at=due)


def _find_passed(was: Trigger, until: datetime) -> Gap | None:
    """Return what came up to `until` and was not decided about.

    Where the stored schedule cannot be computed any more, only its stored next time is known, so
    that an edit can repair it.
    """
    try:
        return was.corrected().undecided(until)
    except Invalid:
        at = was.next_fire_at
        return Gap(first=at, last=at, count=1) if at and at <= until else None


def _gap(trigger: Trigger, passed: Gap, reason: Skip, now: datetime) -> Firing:
    return firings.gap(
        passed,
        reason,
        trigger_id=trigger.id,
        definition_id=trigger.definition_id,
        now=now,
    )
