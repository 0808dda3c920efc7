"""Schedules that are due: each occurrence fires, or is kept as missed, and the next is set."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions import sending
from chalicelib.actions.firing import Occurrence, decide
from chalicelib.domain import firing as firings
from chalicelib.domain import schedule as schedules
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Decision
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import Firing, Outcome
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import CatchUp, Trigger
from chalicelib.ports import Taken, World

log = logging.getLogger(__name__)
SHORT_WAIT = timedelta(seconds=1.5)
MOST_AT_ONCE = 100
"""Occurrences of one trigger settled for one message, and missed ones that `all` fires."""


def fire_due(world: World, pairs: Collection[tuple[str, str]]) -> None:
    """Settle what is due of each (trigger id, definition id). Safe to repeat at any time."""
    committed: list[Trigger | Run] = []
    found = world.triggers.with_definitions(pairs)
    try:
        for trigger, definition in sorted(found.values(), key=lambda pair: _due_at(pair[0])):
            _settle(world, trigger, definition, committed)
    finally:
        newest = {row.id: row for row in committed}
        sending.send_soon(world, newest.values())


def _due_at(trigger: Trigger) -> str:
    return trigger.due_at.isoformat() if trigger.due_at else ""


def _settle(
    world: World, trigger: Trigger, definition: Blueprint, committed: list[Trigger | Run]
) -> None:
    for _ in range(MOST_AT_ONCE):
        if trigger.due_at is None or not definition.enabled or not _reached(world, trigger):
            break
        try:
            decision = _decision(world, trigger, definition)
            world.firings.commit(decision)
        except Taken as taken:
            if taken.parts & {"trigger", "firing", "run"}:
                return  # settled by another message for the same occurrence, which also sends
            fresh = world.triggers.with_definitions([(trigger.id, definition.id)])
            if trigger.id not in fresh:
                return
            trigger, definition = fresh[trigger.id]
            continue
        except Invalid as error:
            _disable(world, trigger, str(error))
            return
        log.info("fired", extra={"trigger": trigger.id, "outcome": decision.firing.outcome.value})
        if decision.run:
            committed.append(decision.run)
        assert decision.trigger is not None
        trigger = decision.trigger[1]
    committed.append(trigger)


def _reached(world: World, trigger: Trigger) -> bool:
    """Wait out the rest of a second that a message's delay cannot express; never fire early."""
    assert trigger.due_at is not None
    rest = trigger.due_at - world.now()
    if timedelta(0) < rest <= SHORT_WAIT:
        world.wait(rest)
        rest = trigger.due_at - world.now()
    return rest <= timedelta(0)


def _decision(world: World, trigger: Trigger, definition: Blueprint) -> Decision:
    assert trigger.next_fire_at is not None
    missed = _missed(world, trigger)
    gap = _gap(trigger, missed)
    if gap:
        return _record_gap(world, trigger, definition, gap)
    after = _moved(world, trigger, trigger.next_fire_at, fired=True)
    occurrence = Occurrence(
        source=trigger.id,
        identity=firings.moment_text(trigger.next_fire_at),
        trigger_type=trigger.type.value,
        trigger=trigger,
        at=trigger.next_fire_at,
        params=trigger.param_mapping,
    )
    decision = decide(world, definition, occurrence, moved=(trigger, after))
    if decision.firing.outcome is not Outcome.FIRED:
        unfired = replace(after, last_fired_at=trigger.last_fired_at)
        return replace(decision, trigger=(trigger, unfired))
    return decision


def _missed(world: World, trigger: Trigger) -> list[datetime]:
    """Return the occurrences, from the one that is due, that are later than late."""
    assert trigger.next_fire_at is not None
    since = trigger.next_fire_at
    until = world.now() - world.policy.missed_after - trigger.jitter
    if since > until:
        return []
    later = schedules.occurrences(trigger.timing, after=since, until=until)
    return [since, *later]


def _gap(trigger: Trigger, missed: list[datetime]) -> list[datetime]:
    """Return those of the missed occurrences that will not fire, by the policy of the trigger."""
    policy = trigger.schedule.catch_up if trigger.schedule else CatchUp.SKIP
    if policy is CatchUp.SKIP:
        return missed
    kept = 1 if policy is CatchUp.ONE else MOST_AT_ONCE
    return missed[:-kept]


def _record_gap(
    world: World, trigger: Trigger, definition: Blueprint, gap: list[datetime]
) -> Decision:
    first, last = gap[0], gap[-1]
    now = world.now()
    record = Firing(
        id=firings.firing_id(trigger.id, firings.moment_text(first)),
        occurrence=firings.moment_text(first),
        outcome=Outcome.SKIPPED,
        reason="missed",
        fired_at=now,
        definition_id=definition.id,
        trigger_id=trigger.id,
        trigger_type=trigger.type.value,
        lateness_ms=firings.lateness(first, now),
        until=firings.moment_text(last),
        count=len(gap),
    )
    after = _moved(world, trigger, last, fired=False)
    return Decision(firing=record, trigger=(trigger, after), definition=definition)


def _moved(world: World, trigger: Trigger, past: datetime, *, fired: bool) -> Trigger:
    """Return the trigger with its next time after `past`."""
    now = world.now()
    next_fire_at, due_at = trigger.upcoming(past)
    return replace(
        trigger,
        version=trigger.version + 1,
        updated_at=now,
        last_fired_at=now if fired else trigger.last_fired_at,
        next_fire_at=next_fire_at,
        due_at=due_at,
        failures=0,
    )


def _disable(world: World, trigger: Trigger, reason: str) -> None:
    """Take a trigger that cannot be computed any more out of the due index, visibly."""
    disabled = replace(
        trigger,
        version=trigger.version + 1,
        updated_at=world.now(),
        enabled=False,
        disabled_reason=reason,
        next_fire_at=None,
        due_at=None,
    )
    world.triggers.put(disabled, trigger)
    log.error("trigger disabled", extra={"trigger": trigger.id, "reason": reason})
