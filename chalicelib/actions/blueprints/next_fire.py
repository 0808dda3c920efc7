"""Next fire times of triggers that are created, edited, paused or resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.firing.firing import Firing, Skip
from chalicelib.domain.triggers.gap import MissedGap
from chalicelib.domain.triggers.trigger import OnSchedule, Trigger
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import TriggerChange, World


def with_first_fire_times(
    world: World, triggers: Sequence[Trigger], blueprint: Blueprint
) -> list[Trigger]:
    """Return the triggers of a new blueprint with their first fire times.

    Raises `Invalid` with a fault for each schedule that never fires.
    """
    timed: list[Trigger] = []
    faults: list[Fault] = []
    for number, trigger in enumerate(triggers):
        try:
            timed.append(with_first_fire_time(world, trigger, blueprint))
        except Invalid as error:
            faults += error.below_prefix(f"triggers.{number}").faults
    if faults:
        raise Invalid.from_faults(faults)
    return timed


def with_first_fire_time(
    world: World, new: Trigger, blueprint: Blueprint, *, may_have_ended: bool = False
) -> Trigger:
    """Return a new trigger with its first fire time after now; a paused one is not due.

    Nothing up to `decided_until` is decided again, even if this worker's clock is behind. Raises
    `Invalid` for a schedule that would fire never again, unless it `may_have_ended`.
    """
    since = world.now() - new.own_jitter
    next_fire_at, due_at = new.next_times(max(since, new.decided_until or since))
    live = new.enabled and blueprint.enabled
    ended = live and isinstance(new, OnSchedule) and next_fire_at is None
    if ended and not may_have_ended:
        raise Invalid("the schedule ends before it fires once: choose a later end", "config.endAt")
    return replace(new, next_fire_at=next_fire_at, due_at=due_at if live else None)


def reschedule(
    world: World, was: Trigger, new: Trigger, before: Blueprint, after: Blueprint
) -> TriggerChange:
    """Return the edit of a trigger (or of its blueprint), with the gap that it leaves.

    An edit that changes neither the schedule nor the pause keeps the next fire time. After a pause
    the trigger starts from now, and the missed occurrences become one gap. Occurrences that are due
    and not yet fired become a gap too if the schedule is edited. An occurrence is due at its
    jittered time: one that is due after the end of a pause is not missed. A trigger whose schedule
    has ended does not keep its blueprint from being resumed.
    """
    now = world.now()
    new = replace(as_next_version(new, was), updated_at=now)
    if not isinstance(new, OnSchedule) or not isinstance(was, OnSchedule):
        return TriggerChange(new=new, was=was)
    live, lived = new.enabled and after.enabled, was.enabled and before.enabled
    same = new.schedule.timing_fields == was.schedule.timing_fields
    if same and (lived or not live):
        return TriggerChange(new=_with_next_time(was, new, live=live), was=was)
    passed = _find_passed(was, now - was.own_jitter)
    if same and was.next_fire_at and not passed:
        return TriggerChange(new=_with_next_time(was, new, live=live), was=was)
    if passed:
        new = replace(new, decided_until=passed.last)
    ended = same and new.enabled == was.enabled
    return TriggerChange(
        new=replace(with_first_fire_time(world, new, after, may_have_ended=ended), failures=0),
        was=was,
        gap=_gap_record(was, passed, Skip.MISSED if lived else Skip.PAUSED, now)
        if passed
        else None,
    )


def _with_next_time(was: OnSchedule, new: OnSchedule, *, live: bool) -> OnSchedule:
    """Return the edited trigger with its old next fire time, unless its jitter changed."""
    next_fire_at = was.next_fire_at
    if next_fire_at and new.own_jitter != was.own_jitter:
        next_fire_at, _ = new.next_times(next_fire_at - timedelta(microseconds=1))
    due = next_fire_at + new.own_jitter if live and next_fire_at else None
    return replace(new, next_fire_at=next_fire_at, due_at=due)


def _find_passed(was: Trigger, until: datetime) -> MissedGap | None:
    """Return the undecided occurrences up to `until`.

    If the stored schedule can no longer be computed, only its stored next fire time is known, so
    that an edit can repair it.
    """
    try:
        return was.with_corrected_time().find_undecided(until)
    except Invalid:
        at = was.next_fire_at
        return MissedGap(first=at, last=at, count=1) if at and at <= until else None


def _gap_record(trigger: Trigger, passed: MissedGap, reason: Skip, now: datetime) -> Firing:
    return firings.gap_firing(
        passed,
        reason,
        trigger_id=trigger.id,
        blueprint_id=trigger.blueprint_id,
        now=now,
    )
