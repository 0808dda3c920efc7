"""Due schedules: fires each occurrence or records it as missed, and sets the next fire time."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from chalicelib.actions import due_messages
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.firing.fire import (
    AlreadyFired,
    Fired,
    Gone,
    Patience,
    Stale,
    fire_occurrence,
)
from chalicelib.actions.firing.firing import Occurrence, decide_firing
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import Outcome, Skip
from chalicelib.domain.ids import BlueprintId, TriggerId, format_moment
from chalicelib.domain.messages import FireTrigger
from chalicelib.domain.runs.run import Run
from chalicelib.domain.triggers.gap import MissedGap
from chalicelib.domain.triggers.trigger import CatchUp, Trigger
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World

log = logging.getLogger(__name__)
MAX_OCCURRENCES_PER_CALL = 100
"""The occurrences of one trigger that one message handles, and the missed ones that `all` fires."""


def fire_due_triggers(
    world: World, pairs: Collection[tuple[TriggerId, BlueprintId]], *, may_ask_forge: bool = False
) -> None:
    """Fire the due occurrences of each (trigger id, blueprint id). Safe to repeat at any time.

    A trigger that fails backs off, so that it does not keep others from firing. A trigger that has
    to ask its forge if a branch has moved goes to the function that may wait for the answer.
    """
    committed: list[Trigger | Run] = []
    handed_on: list[FiringContext] = []
    begun = world.now()
    try:
        for basis in sorted(_read_contexts(world, pairs).values(), key=_processing_order):
            if basis.blueprint.skip_if_unchanged and not may_ask_forge:
                handed_on += [basis] if _is_due(world, basis) else []
                continue
            try:
                for row in _fire_due_occurrences(world, basis, begun):
                    committed.append(row)  # noqa: PERF402  the next occurrence may fail
            except Exception as error:
                log.exception("firing failed", extra={"trigger": basis.trigger.id})
                committed += trigger_failures.count_trigger_failure(world, basis.trigger.id, error)
    finally:
        newest = {row.id: row for row in committed}
        due_messages.enqueue_if_due_soon(world, newest.values())
    if handed_on:
        due_messages.hand_on(world, [_asking(basis) for basis in handed_on])


def _read_contexts(
    world: World, pairs: Collection[tuple[TriggerId, BlueprintId]]
) -> dict[TriggerId, FiringContext]:
    """Read the configuration for decisions; return nothing during a temporary outage of the store.

    In that case the messages are dropped: the triggers stay due, and the ticks send them again.
    """
    try:
        return world.triggers.read_contexts(pairs)
    except Exception as error:
        if not world.is_transient(error):
            raise
        log.exception("triggers not read, they stay due", extra={"triggers": len(pairs)})
        return {}


def _is_due(world: World, basis: FiringContext) -> bool:
    due_at = basis.trigger.due_at if basis.blueprint.enabled else None
    return due_at is not None and due_at <= world.now() + due_messages.MAX_WAIT


def _processing_order(basis: FiringContext) -> str:
    due = basis.trigger.due_at
    return due.isoformat() if due else ""


def _asking(basis: FiringContext) -> FireTrigger:
    return FireTrigger(basis.trigger.id, basis.trigger.blueprint_id)


def _fire_due_occurrences(
    world: World, basis: FiringContext, begun: datetime
) -> Iterator[Trigger | Run]:
    """Fire the due occurrences of one trigger, and yield each row that was written.

    A message that found nothing to do yields none and sends none. Otherwise each duplicate would
    renew itself every minute.
    """
    for _ in range(MAX_OCCURRENCES_PER_CALL):
        match fire_occurrence(world, basis, partial(_decide_due, world), Patience.SCHEDULE):
            case Fired(decision=decision, context=context):
                basis = _next_context(context, decision)
                yield basis.trigger
                if decision.run:
                    yield decision.run
                    since = max(begun, context.trigger.due_at or begun)
                    world.metrics.record_commit_time(firings.lateness_ms_of(since, world.now()))
            case AlreadyFired(context=context):
                # Still the trigger's next occurrence: continue after it.
                trigger = context.trigger
                if trigger.next_fire_at is None:
                    return
                moved = _with_next_time(world, trigger, trigger.next_fire_at)
                world.triggers.save_progress(moved, trigger)
                yield moved
                basis = replace(context, trigger=moved)
            case Stale() | Gone():
                return  # another message moved the trigger and also sends, or nothing is due


def _decide_due(world: World, basis: FiringContext) -> Decision | None:
    """Return the decision about the trigger's next occurrence, None if none is due."""
    trigger = basis.trigger
    if trigger.due_at is None or trigger.next_fire_at is None or not basis.blueprint.enabled:
        return None
    if not due_messages.wait_until_due(world, trigger.due_at):
        return None
    return _decide_occurrence(world, basis, trigger.next_fire_at)


def _next_context(basis: FiringContext, decision: Decision) -> FiringContext:
    """Return the configuration for the next decision, after this one was written."""
    entered = {decision.run.id} if decision.run and decision.run.overlap_key else set()
    _, moved = decision.trigger or (basis.trigger, basis.trigger)
    return replace(basis, trigger=moved, active=basis.active | entered)


def _decide_occurrence(world: World, basis: FiringContext, at: datetime) -> Decision:
    trigger = basis.trigger
    gap = _find_missed(world, trigger)
    if gap:
        now = world.now()
        owner_id = trigger.blueprint_id
        record = firings.gap_firing(
            gap, Skip.MISSED, now=now, trigger_id=trigger.id, blueprint_id=owner_id
        )
        # A gap does not show that the trigger can fire, so its failures stay counted.
        passed = replace(_with_next_time(world, trigger, gap.last), failures=trigger.failures)
        moved = (trigger, passed)
        return Decision(firing=record, trigger=moved, blueprint=basis.blueprint)
    after = _with_next_time(world, trigger, at)
    occurrence = Occurrence(
        source=trigger.id,
        identity=format_moment(at),
        trigger_type=trigger.type,
        at=at,
        params=trigger.param_mapping,
    )
    decision = decide_firing(world, basis, occurrence, trigger_change=(trigger, after))
    if decision.firing.outcome is not Outcome.FIRED:
        return decision
    fired = replace(after, last_fired_at=decision.firing.fired_at)
    return replace(decision, trigger=(trigger, fired))


def _find_missed(world: World, trigger: Trigger) -> MissedGap | None:
    """Return the missed occurrences that the trigger's catch-up policy does not fire."""
    until = world.now() - world.policy.missed_after - trigger.own_jitter
    fired_counts = {CatchUp.SKIP: 0, CatchUp.ONE: 1, CatchUp.ALL: MAX_OCCURRENCES_PER_CALL}
    return trigger.find_undecided(until, kept_count=fired_counts[trigger.catch_up_policy])


def _with_next_time(world: World, trigger: Trigger, past: datetime) -> Trigger:
    """Return the trigger with its next fire time after `past`."""
    next_fire_at, due_at = trigger.next_times(past)
    return replace(
        as_next_version(trigger, trigger),
        updated_at=world.now(),
        next_fire_at=next_fire_at,
        due_at=due_at,
        decided_until=past,
        failures=0,
    )
