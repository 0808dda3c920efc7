"""Due schedules: fires each occurrence or records it as missed, and sets the next fire time."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from chalicelib.actions import failing, sending
from chalicelib.actions.firing import Occurrence, commit, decide
from chalicelib.domain import firing as firings
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.firing import Gap, Outcome, Skip
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import CatchUp, Trigger
from chalicelib.ports import Taken, World

log = logging.getLogger(__name__)
MOST_AT_ONCE = 100
"""The occurrences of one trigger that one message handles, and the missed ones that `all` fires."""


def fire_due(
    world: World, pairs: Collection[tuple[str, str]], *, may_ask_forge: bool = False
) -> None:
    """Fire the due occurrences of each (trigger id, blueprint id). Safe to repeat at any time.

    A trigger that fails backs off, so that it does not keep others from firing. A trigger that has
    to ask its forge if a branch has moved goes to the function that may wait for the answer.
    """
    committed: list[Trigger | Run] = []
    handed_on: list[Basis] = []
    begun = world.now()
    try:
        for basis in sorted(_bases(world, pairs).values(), key=_turn):
            if basis.definition.skip_if_unchanged and not may_ask_forge:
                handed_on += [basis] if _is_due(world, basis) else []
                continue
            try:
                _settle(world, basis, committed, begun)
            except Exception as error:
                assert basis.trigger is not None
                log.exception("firing failed", extra={"trigger": basis.trigger.id})
                committed += failing.trigger_failed(world, basis.trigger.id, error)
    finally:
        newest = {row.id: row for row in committed}
        sending.send_soon(world, newest.values())
    if handed_on:
        sending.hand_on(world, [_asking(basis) for basis in handed_on])


def _bases(world: World, pairs: Collection[tuple[str, str]]) -> dict[str, Basis]:
    """Read the configuration for decisions; return nothing during a temporary outage of the store.

    In that case the messages are dropped: the triggers stay due, and the ticks send them again.
    """
    try:
        return world.triggers.bases(pairs)
    except Exception as error:
        if not world.passes(error):
            raise
        log.exception("triggers not read, they stay due", extra={"triggers": len(pairs)})
        return {}


def _is_due(world: World, basis: Basis) -> bool:
    due_at = basis.trigger.due_at if basis.trigger and basis.definition.enabled else None
    return due_at is not None and due_at <= world.now() + sending.SHORT_WAIT


def _turn(basis: Basis) -> str:
    due = basis.trigger.due_at if basis.trigger else None
    return due.isoformat() if due else ""


def _asking(basis: Basis) -> dict[str, str]:
    assert basis.trigger is not None
    ids = {"triggerId": basis.trigger.id, "definitionId": basis.trigger.definition_id}
    return {"step": "fire", **ids}


def _settle(world: World, basis: Basis, committed: list[Trigger | Run], begun: datetime) -> None:
    """Fire the due occurrences of one trigger.

    `committed` receives only rows that were written here: a message that found nothing to do sends
    none. Otherwise each duplicate would renew itself every minute.
    """
    for _ in range(MOST_AT_ONCE):
        trigger = basis.trigger
        assert trigger is not None
        if trigger.due_at is None or not basis.definition.enabled:
            break
        if not sending.reached(world, trigger.due_at):
            break
        decision = _decision(world, basis, trigger)
        try:
            commit(world, decision)
        except Taken as taken:
            if "trigger" in taken.parts:
                return  # decided by another message for the same occurrence, which also sends
            if taken.parts & {"firing", "run"} and trigger.next_fire_at:
                # Already decided, but still the trigger's next occurrence: continue after it.
                moved = _moved(world, trigger, trigger.next_fire_at)
                world.triggers.note(moved, trigger)
                committed.append(moved)
                basis = replace(basis, trigger=moved)
                continue
            again = world.triggers.bases([(trigger.id, trigger.definition_id)])
            if trigger.id not in again:
                return
            basis = again[trigger.id]
            continue
        basis = _after(basis, decision)
        assert basis.trigger is not None
        committed.append(basis.trigger)
        if decision.run:
            committed.append(decision.run)
            world.metrics.committed(firings.lateness(max(begun, trigger.due_at), world.now()))


def _after(basis: Basis, decision: Decision) -> Basis:
    """Return the configuration for the next decision, after this one was written."""
    assert decision.trigger is not None
    entered = {decision.run.id} if decision.run and decision.run.overlap_key else set()
    return replace(basis, trigger=decision.trigger[1], active=basis.active | entered)


def _decision(world: World, basis: Basis, trigger: Trigger) -> Decision:
    assert trigger.next_fire_at is not None
    gap = _missed(world, trigger)
    if gap:
        now = world.now()
        ids = {"trigger_id": trigger.id, "definition_id": trigger.definition_id}
        record = firings.gap(gap, Skip.MISSED, now=now, **ids)
        # A gap does not show that the trigger can fire, so its failures stay counted.
        passed = replace(_moved(world, trigger, gap.last), failures=trigger.failures)
        moved = (trigger, passed)
        return Decision(firing=record, trigger=moved, definition=basis.definition)
    after = _moved(world, trigger, trigger.next_fire_at)
    occurrence = Occurrence(
        source=trigger.id,
        identity=firings.moment_text(trigger.next_fire_at),
        trigger_type=trigger.type.value,
        at=trigger.next_fire_at,
        params=trigger.param_mapping,
    )
    decision = decide(world, basis, occurrence, moved=(trigger, after))
    if decision.firing.outcome is not Outcome.FIRED:
        return decision
    fired = replace(after, last_fired_at=decision.firing.fired_at)
    return replace(decision, trigger=(trigger, fired))


def _missed(world: World, trigger: Trigger) -> Gap | None:
    """Return the missed occurrences that the trigger's catch-up policy does not fire."""
    until = world.now() - world.policy.missed_after - trigger.jitter
    policy = trigger.schedule.catch_up if trigger.schedule else CatchUp.SKIP
    kept = {CatchUp.SKIP: 0, CatchUp.ONE: 1}.get(policy, MOST_AT_ONCE)
    return trigger.undecided(until, kept=kept)


def _moved(world: World, trigger: Trigger, past: datetime) -> Trigger:
    """Return the trigger with its next fire time after `past`."""
    next_fire_at, due_at = trigger.upcoming(past)
    return replace(
        trigger,
        version=trigger.version + 1,
        updated_at=world.now(),
        next_fire_at=next_fire_at,
        due_at=due_at,
        decided_until=past,
        failures=0,
    )
