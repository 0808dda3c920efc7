"""Blueprints: created, changed and removed together with their triggers, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.actions import notifying, observing, sending, timing
from chalicelib.actions.claiming import earlier_result, repeated
from chalicelib.actions.persisting import AGAIN
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, Fault, Invalid, NotFound, Superseded
from chalicelib.domain.firing import Claim, Firing
from chalicelib.domain.limits import TRIGGERS
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.template import check_template
from chalicelib.domain.trigger import Overlap, Trigger
from chalicelib.ports import Change, Taken, World


def create(
    world: World, new: Blueprint, triggers: Sequence[Trigger], claim: Claim | None = None
) -> tuple[Blueprint, list[Trigger]]:
    """Store a blueprint and its triggers; a repeated request returns those of the first one.

    Raises `Invalid` for a faulty template, schedule or link, and `Conflict` for a taken webhook
    path.
    """
    if earlier := earlier_result(world, claim):
        made = world.blueprints.get(earlier)
        return made, world.triggers.of(made)
    check(new)
    if len(triggers) > TRIGGERS:
        raise Invalid(f"a task has at most {TRIGGERS} triggers", "triggers")
    new = replace(
        new,
        tracks_active=any(_minds(trigger) for trigger in triggers),
        trigger_ids=tuple(trigger.id for trigger in triggers),
    )
    timed = [timing.begun(world, owned(trigger, new), new) for trigger in triggers]
    try:
        world.blueprints.add(new, timed, claim)
    except Taken as taken:
        if claim is None or "claim" not in taken.parts:
            raise _refused(taken, new, timed, whole=True) from taken
        made = world.blueprints.get(repeated(world, claim))
        return made, world.triggers.of(made)
    sending.send_soon(world, timed)
    return new, timed


def _refused(
    taken: Taken, definition: Blueprint, triggers: Sequence[Trigger], *, whole: bool = False
) -> Exception:
    """Return the error for a conflict; `whole` is true if the triggers are part of the request."""
    for number, trigger in enumerate(triggers):
        if trigger.hook and f"path {trigger.hook.path}" in taken.parts:
            where = f"triggers.{number}.config.path" if whole else "config.path"
            return Conflict(f"the path {trigger.hook.path!r} is already in use", where)
    if "template" in taken.parts:
        message = f"there is no prompt template {definition.prompt_template_id!r}"
        return Invalid(message, "promptTemplateId")
    return Superseded(f"task {definition.id!r} was modified concurrently; read it again")


def _minds(trigger: Trigger) -> bool:
    return trigger.overlap is not Overlap.ALLOW


def owned(trigger: Trigger, definition: Blueprint) -> Trigger:
    """Return the trigger with the field that it copies from its blueprint."""
    return replace(trigger, template_id=definition.prompt_template_id)


def template_of(world: World, definition: Blueprint) -> PromptTemplate | None:
    """Return the library template that a blueprint is linked to, or None."""
    linked = definition.prompt_template_id
    return world.prompt_templates.get(linked) if linked else None


def check(definition: Blueprint) -> None:
    """Raise `Invalid` with the faults of all templates of a blueprint."""
    faults = []
    for field in ("title", "prompt"):
        try:
            check_template(getattr(definition, field))
        except Invalid as error:
            faults.append(Fault(field, error.message))
    if faults:
        raise Invalid.of(faults)


def change(world: World, was: Blueprint, new: Blueprint) -> Blueprint:
    """Store an edit; pausing removes its triggers from the due index, resuming adds them again.

    Occurrences that were missed during a pause are recorded in the same transaction. Raises
    `Superseded` if `was` is no longer the stored version.
    """
    check(new)
    now = world.now()
    new = replace(
        new,
        version=was.version + 1,
        updated_at=now,
        created_at=was.created_at,
        tracks_active=was.tracks_active,
        trigger_ids=was.trigger_ids,
        paused_reason=None if new.enabled else new.paused_reason or was.paused_reason,
        resumed_at=now if new.enabled and not was.enabled else was.resumed_at,
    )
    changes: list[Change] = []
    if (new.enabled, new.prompt_template_id) != (was.enabled, was.prompt_template_id):
        changes = [
            timing.changed(world, old, owned(old, new), was, new) for old in world.triggers.of(was)
        ]
    notifying.promise_firings(world, _gaps(changes))
    try:
        world.blueprints.put(new, was, changes)
    except Taken as taken:
        raise _refused(taken, new, ()) from taken
    _committed(world, changes)
    return new


def remove(world: World, definition_id: str) -> None:
    """Remove a blueprint with its triggers; its runs stay."""
    old = world.blueprints.get(definition_id)
    try:
        world.blueprints.remove(old, world.triggers.of(old))
    except Taken as taken:
        raise Superseded(f"task {definition_id!r} was modified concurrently; try again") from taken


def trigger_of(world: World, definition_id: str, trigger_id: str) -> Trigger:
    """Return a trigger; raise `NotFound` if it belongs to another blueprint."""
    trigger = world.triggers.get(trigger_id)
    if trigger.definition_id != definition_id:
        raise NotFound("trigger", trigger_id)
    return trigger


def add_trigger(world: World, new: Trigger, claim: Claim | None = None) -> Trigger:
    """Add a trigger to a blueprint; a repeated request returns the first one's trigger."""
    if earlier := earlier_result(world, claim):
        return world.triggers.get(earlier)
    for _ in range(AGAIN):
        definition = world.blueprints.get(new.definition_id)
        if len(definition.trigger_ids) >= TRIGGERS:
            raise Conflict(f"a task has at most {TRIGGERS} triggers")
        timed = timing.begun(world, owned(new, definition), definition)
        owner = _owning(definition, timed, (*definition.trigger_ids, new.id))
        try:
            world.triggers.add(timed, definition, owner, claim)
        except Taken as taken:
            if claim and "claim" in taken.parts:
                return world.triggers.get(repeated(world, claim))
            refused = _refused(taken, definition, [timed])
            if isinstance(refused, Superseded):
                continue
            raise refused from taken
        _count_active(world, definition, timed)
        sending.send_soon(world, [timed])
        return timed
    raise Superseded(f"task {new.definition_id!r} was modified concurrently; try again later")


def change_trigger(world: World, was: Trigger, new: Trigger) -> Trigger:
    """Store an edit of a trigger; its next fire time changes only if its timing did."""
    new = replace(new, disabled_reason=None if new.enabled else was.disabled_reason)
    for _ in range(AGAIN):
        definition = world.blueprints.get(was.definition_id)
        change = timing.changed(world, was, new, definition, definition)
        notifying.promise_firings(world, _gaps([change]))
        owner = _owning(definition, change.new, definition.trigger_ids)
        try:
            world.triggers.put(change, definition, owner)
        except Taken as taken:
            if taken.parts == {"definition"}:
                continue
            raise _refused(taken, definition, [change.new]) from taken
        _count_active(world, definition, change.new)
        _committed(world, [change])
        return change.new
    raise Superseded(f"trigger {was.id!r} was modified concurrently; try again later")


def _gaps(changes: Sequence[Change]) -> list[Firing]:
    return [change.gap for change in changes if change.gap]


def _committed(world: World, changes: Sequence[Change]) -> None:
    """Record the gaps of committed edits, and send the messages of triggers that are due soon."""
    for gap in _gaps(changes):
        observing.fired(world, gap)
    sending.send_soon(world, [change.new for change in changes])


def _owning(definition: Blueprint, trigger: Trigger, ids: tuple[str, ...]) -> Blueprint:
    """Return the blueprint with these triggers.

    It tracks its active runs once one of the triggers limits overlaps. It is always a new version,
    because firings of a trigger check the version of their blueprint only.
    """
    return replace(
        definition,
        version=definition.version + 1,
        trigger_ids=ids,
        tracks_active=definition.tracks_active or _minds(trigger),
    )


def _count_active(world: World, definition: Blueprint, trigger: Trigger) -> None:
    """Record the runs that were active before overlaps were limited; ended runs never block."""
    if definition.tracks_active or not _minds(trigger):
        return
    runs, _ = world.runs.of_definition(definition.id, None, 100)
    active = [run.id for run in runs if not run.final]
    if active:
        world.slots.hold(definition.active_key, active)


def remove_trigger(world: World, old: Trigger) -> None:
    """Remove a trigger; its ledger stays."""
    for _ in range(AGAIN):
        definition = world.blueprints.get(old.definition_id)
        left = tuple(key for key in definition.trigger_ids if key != old.id)
        owner = replace(definition, trigger_ids=left, version=definition.version + 1)
        try:
            world.triggers.remove(world.triggers.get(old.id), definition, owner)
        except Taken:
            continue
        return
    raise Superseded(f"trigger {old.id!r} was modified concurrently; try again later")
