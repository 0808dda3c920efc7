"""Definitions: made, changed and removed together with their triggers, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.actions import sending
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, Invalid, NotFound, Superseded
from chalicelib.domain.firing import Claim
from chalicelib.domain.template import compile_template
from chalicelib.domain.trigger import MAX_PER_DEFINITION, Trigger
from chalicelib.ports import Taken, World

TIMING = ("schedule", "enabled")
"""What of a trigger decides when it fires: an edit of nothing else moves its next time."""


def create(
    world: World, new: Blueprint, triggers: Sequence[Trigger], claim: Claim | None = None
) -> tuple[Blueprint, list[Trigger], bool]:
    """Store a definition and its triggers; a repeated request finds what the first one made."""
    check(new)
    if len(triggers) > MAX_PER_DEFINITION:
        raise Invalid(f"at most {MAX_PER_DEFINITION} triggers", "triggers")
    timed = [timed_anew(world, trigger, new) for trigger in triggers]
    try:
        world.blueprints.add(new, timed, claim)
    except Taken as taken:
        if claim is None or "claim" not in taken.parts:
            raise
        first = repeated(world, claim)
        return world.blueprints.get(first), world.triggers.of(first), False
    sending.send_soon(world, timed)
    return new, timed, True


def repeated(world: World, claim: Claim) -> str:
    """Return the result of the request that used this Idempotency-Key before; 409 if another's."""
    first = world.firings.claimed(claim.key, world.now())
    if first is None:
        raise Superseded("the first request with this Idempotency-Key is just being answered")
    if first.digest != claim.digest:
        raise Conflict("this Idempotency-Key was used with another body")
    return first.result


def check(definition: Blueprint) -> None:
    """Raise `Invalid` with every template of a definition that does not parse."""
    faults = []
    for field in ("title", "prompt"):
        try:
            compile_template(getattr(definition, field))
        except Invalid as error:
            faults += list(Invalid(error.message, field).faults)
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def change(world: World, was: Blueprint, new: Blueprint) -> Blueprint:
    """Store an edit; pausing takes its triggers out of the due index, resuming puts them back."""
    check(new)
    now = world.now()
    new = replace(new, version=was.version + 1, updated_at=now, created_at=was.created_at)
    moved: list[tuple[Trigger, Trigger]] = []
    if new.enabled != was.enabled:
        moved = [(timed_anew(world, old, new), old) for old in world.triggers.of(was.id)]
    try:
        world.blueprints.put(new, was, [(_newer(after), before) for after, before in moved])
    except Taken as taken:
        raise Superseded(f"task {was.id!r} changed meanwhile, read it again") from taken
    sending.send_soon(world, [after for after, _ in moved])
    return new


def remove(world: World, definition_id: str) -> None:
    """Remove a definition with its triggers; its runs stay."""
    old = world.blueprints.get(definition_id)
    try:
        world.blueprints.remove(old, world.triggers.of(definition_id))
    except Taken as taken:
        raise Superseded(f"task {definition_id!r} changed meanwhile, try again") from taken


def trigger_of(world: World, definition_id: str, trigger_id: str) -> Trigger:
    """Return a trigger of this definition, not one of another."""
    trigger = world.triggers.get(trigger_id)
    if trigger.definition_id != definition_id:
        raise NotFound("trigger", trigger_id)
    return trigger


def add_trigger(world: World, new: Trigger, claim: Claim | None = None) -> Trigger:
    """Store one more trigger of a definition."""
    definition = world.blueprints.get(new.definition_id)
    if len(world.triggers.of(definition.id)) >= MAX_PER_DEFINITION:
        raise Conflict(f"a task has at most {MAX_PER_DEFINITION} triggers")
    timed = timed_anew(world, new, definition)
    try:
        world.triggers.add(timed, definition, claim)
    except Taken as taken:
        if claim and "claim" in taken.parts:
            return world.triggers.get(repeated(world, claim))
        raise Superseded(f"task {definition.id!r} changed meanwhile, try again") from taken
    sending.send_soon(world, [timed])
    return timed


def change_trigger(world: World, was: Trigger, new: Trigger) -> Trigger:
    """Store an edit of a trigger; its next time is computed anew only when its timing changed."""
    if any(getattr(new, field) != getattr(was, field) for field in TIMING):
        new = timed_anew(world, new, world.blueprints.get(was.definition_id))
        new = replace(new, disabled_reason=None if new.enabled else was.disabled_reason)
    new = replace(_newer(new), updated_at=world.now())
    world.triggers.put(new, was)
    sending.send_soon(world, [new])
    return new


def remove_trigger(world: World, old: Trigger) -> None:
    """Remove a trigger; its ledger stays."""
    world.triggers.remove(old)


def timed_anew(world: World, trigger: Trigger, definition: Blueprint) -> Trigger:
    """Return the trigger with its next time from now on, or none while it is paused."""
    live = trigger.enabled and definition.enabled
    next_fire_at, due_at = trigger.upcoming(world.now()) if live else (None, None)
    if live and trigger.schedule and next_fire_at is None:
        raise Invalid("the schedule is over before it fires once", "config.endAt")
    return replace(trigger, next_fire_at=next_fire_at, due_at=due_at)


def _newer(trigger: Trigger) -> Trigger:
    return replace(trigger, version=trigger.version + 1)
