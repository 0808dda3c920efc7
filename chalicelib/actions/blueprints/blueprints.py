"""Blueprints: created, changed and removed together with their triggers, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.actions import due_messages, telemetry
from chalicelib.actions.blueprints import next_fire
from chalicelib.actions.idempotency import earlier_result, first_result
from chalicelib.actions.notifications import announce
from chalicelib.actions.optimistic import conflict_error, retry_on_conflict
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.errors import Conflict, Fault, Invalid, NotFound, Superseded
from chalicelib.domain.firing.firing import Firing, IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.limits import MAX_TRIGGERS
from chalicelib.domain.triggers.trigger import OnWebhook, Overlap, Trigger
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import Part, TriggerChange, World, WriteConflict


def create_blueprint(
    world: World, new: Blueprint, triggers: Sequence[Trigger], claim: IdempotencyClaim | None = None
) -> tuple[Blueprint, list[Trigger]]:
    """Store a blueprint and its triggers; a repeated request returns those of the first one.

    Raises `Invalid` for a faulty template, schedule or link, and `Conflict` for a taken webhook
    path.
    """
    if earlier := earlier_result(world, claim):
        existing = world.blueprints.get(BlueprintId(earlier))
        return existing, world.triggers.list_of_blueprint(existing)
    check_templates(new)
    if len(triggers) > MAX_TRIGGERS:
        raise Invalid(f"a task has at most {MAX_TRIGGERS} triggers", "triggers")
    new = replace(
        new,
        tracks_active=any(_has_overlap_policy(trigger) for trigger in triggers),
        trigger_ids=tuple(trigger.id for trigger in triggers),
    )
    owned = [with_owner(trigger, new) for trigger in triggers]
    timed = next_fire.with_first_fire_times(world, owned, new)
    try:
        world.blueprints.add(new, timed, claim)
    except WriteConflict as taken:
        if claim is None or Part.CLAIM not in taken.parts:
            raise _conflict_error(taken, new.id, timed, whole=True) from taken
        existing = world.blueprints.get(BlueprintId(first_result(world, claim)))
        return existing, world.triggers.list_of_blueprint(existing)
    due_messages.enqueue_if_due_soon(world, timed)
    return new, timed


def _conflict_error(
    taken: WriteConflict,
    blueprint_id: BlueprintId,
    triggers: Sequence[Trigger],
    *,
    whole: bool = False,
) -> Exception:
    """Return the error for a conflict; `whole` is true if the triggers are part of the request."""
    used_paths = taken.keys_of(Part.WEBHOOK_PATH)
    for number, trigger in enumerate(triggers):
        if isinstance(trigger, OnWebhook) and trigger.webhook.path in used_paths:
            where = f"triggers.{number}.config.path" if whole else "config.path"
            return Conflict(f"the path {trigger.webhook.path!r} is already in use", where)
    if Part.TEMPLATE in taken.parts:
        (template_id,) = taken.keys_of(Part.TEMPLATE)
        return Invalid(f"there is no prompt template {template_id!r}", "promptTemplateId")
    return Superseded(f"task {blueprint_id!r} was modified concurrently; read it again")


def _has_overlap_policy(trigger: Trigger) -> bool:
    return trigger.overlap_policy is not Overlap.ALLOW


def with_owner(trigger: Trigger, blueprint: Blueprint) -> Trigger:
    """Return the trigger with the field that it copies from its blueprint."""
    return replace(trigger, template_id=blueprint.prompt_template_id)


def template_of(world: World, blueprint: Blueprint) -> PromptTemplate | None:
    """Return the library template that a blueprint is linked to, or None."""
    linked = blueprint.prompt_template_id
    return world.prompt_templates.get(linked) if linked else None


def find_template(world: World, blueprint: Blueprint) -> PromptTemplate | None:
    """Return the library template of a blueprint; None if there is none, or if it is gone."""
    try:
        return template_of(world, blueprint)
    except NotFound:
        return None


def check_templates(blueprint: Blueprint) -> None:
    """Raise `Invalid` with the faults of all templates of a blueprint."""
    faults = []
    for field in ("title", "prompt"):
        try:
            check_template(getattr(blueprint, field))
        except Invalid as error:
            faults.append(Fault(field, error.message))
    if faults:
        raise Invalid.from_faults(faults)


def change_blueprint(world: World, was: Blueprint, new: Blueprint) -> Blueprint:
    """Store an edit; pausing removes its triggers from the due index, resuming adds them again.

    Occurrences that were missed during a pause are recorded in the same transaction. Raises
    `Superseded` if `was` is no longer the stored version.
    """
    check_templates(new)
    now = world.now()
    new = replace(
        as_next_version(new, was),
        updated_at=now,
        created_at=was.created_at,
        tracks_active=was.tracks_active,
        trigger_ids=was.trigger_ids,
        paused_reason=None if new.enabled else new.paused_reason or was.paused_reason,
        resumed_at=now if new.enabled and not was.enabled else was.resumed_at,
    )
    changes: list[TriggerChange] = []
    if (new.enabled, new.prompt_template_id) != (was.enabled, was.prompt_template_id):
        changes = [
            next_fire.reschedule(world, old, with_owner(old, new), was, new)
            for old in world.triggers.list_of_blueprint(was)
        ]
    announce.announce_firings(world, _gap_firings(changes))
    try:
        world.blueprints.put(new, was, changes)
    except WriteConflict as taken:
        raise _conflict_error(taken, new.id, ()) from taken
    _announce_changes(world, changes)
    return new


def remove_blueprint(world: World, blueprint_id: BlueprintId) -> None:
    """Remove a blueprint with its triggers; its runs stay."""
    old = world.blueprints.get(blueprint_id)
    try:
        world.blueprints.remove(old, world.triggers.list_of_blueprint(old))
    except WriteConflict as taken:
        raise conflict_error(f"task {blueprint_id!r}") from taken


def get_trigger(world: World, blueprint_id: BlueprintId, trigger_id: TriggerId) -> Trigger:
    """Return a trigger; raise `NotFound` if it belongs to another blueprint."""
    trigger = world.triggers.get(trigger_id)
    if trigger.blueprint_id != blueprint_id:
        raise NotFound("trigger", trigger_id)
    return trigger


def add_trigger(world: World, new: Trigger, claim: IdempotencyClaim | None = None) -> Trigger:
    """Add a trigger to a blueprint; a repeated request returns the first one's trigger."""
    if earlier := earlier_result(world, claim):
        return world.triggers.get(TriggerId(earlier))

    def add_once() -> tuple[Trigger, Blueprint]:
        blueprint = world.blueprints.get(new.blueprint_id)
        if len(blueprint.trigger_ids) >= MAX_TRIGGERS:
            raise Conflict(f"a task has at most {MAX_TRIGGERS} triggers")
        timed = next_fire.with_first_fire_time(world, with_owner(new, blueprint), blueprint)
        owner = _with_trigger_ids(blueprint, timed, (*blueprint.trigger_ids, new.id))
        world.triggers.add(timed, blueprint, owner, claim)
        return timed, blueprint

    task = f"task {new.blueprint_id!r}"
    try:
        timed, blueprint = retry_on_conflict(task, add_once, read={Part.BLUEPRINT})
    except WriteConflict as taken:
        if claim and Part.CLAIM in taken.parts:
            return world.triggers.get(TriggerId(first_result(world, claim)))
        raise _conflict_error(taken, new.blueprint_id, [new]) from taken
    _count_active(world, blueprint, timed)
    due_messages.enqueue_if_due_soon(world, [timed])
    return timed


def change_trigger(world: World, was: Trigger, new: Trigger) -> Trigger:
    """Store an edit of a trigger; its next fire time changes only if its timing did."""
    new = replace(new, disabled_reason=None if new.enabled else was.disabled_reason)

    def change_once() -> tuple[TriggerChange, Blueprint]:
        blueprint = world.blueprints.get(was.blueprint_id)
        change = next_fire.reschedule(world, was, new, blueprint, blueprint)
        announce.announce_firings(world, _gap_firings([change]))
        owner = _with_trigger_ids(blueprint, change.new, blueprint.trigger_ids)
        world.triggers.put(change, blueprint, owner)
        return change, blueprint

    trigger = f"trigger {was.id!r}"
    try:
        change, blueprint = retry_on_conflict(trigger, change_once, read={Part.BLUEPRINT})
    except WriteConflict as taken:
        raise _conflict_error(taken, was.blueprint_id, [new]) from taken
    _count_active(world, blueprint, change.new)
    _announce_changes(world, [change])
    return change.new


def _gap_firings(changes: Sequence[TriggerChange]) -> list[Firing]:
    return [change.gap for change in changes if change.gap]


def _announce_changes(world: World, changes: Sequence[TriggerChange]) -> None:
    """Record the gaps of committed edits, and send the messages of triggers that are due soon."""
    for gap in _gap_firings(changes):
        telemetry.log_firing(world, gap)
    due_messages.enqueue_if_due_soon(world, [change.new for change in changes])


def _with_trigger_ids(
    blueprint: Blueprint, trigger: Trigger, ids: tuple[TriggerId, ...]
) -> Blueprint:
    """Return the blueprint with these triggers.

    It tracks its active runs once one of the triggers limits overlaps. It is always a new version,
    because firings of a trigger check the version of their blueprint only.
    """
    return replace(
        as_next_version(blueprint, blueprint),
        trigger_ids=ids,
        tracks_active=blueprint.tracks_active or _has_overlap_policy(trigger),
    )


def _count_active(world: World, blueprint: Blueprint, trigger: Trigger) -> None:
    """Record the runs that were active before overlaps were limited; ended runs never block."""
    if blueprint.tracks_active or not _has_overlap_policy(trigger):
        return
    runs, _ = world.runs.list_of_blueprint(blueprint.id, None, 100)
    active = [run.id for run in runs if not run.is_final]
    if active:
        world.run_sets.hold_runs(blueprint.active_key, active)


def remove_trigger(world: World, old: Trigger) -> None:
    """Remove a trigger; its ledger stays."""

    def remove_once() -> None:
        blueprint = world.blueprints.get(old.blueprint_id)
        left = tuple(key for key in blueprint.trigger_ids if key != old.id)
        owner = replace(as_next_version(blueprint, blueprint), trigger_ids=left)
        world.triggers.remove(world.triggers.get(old.id), blueprint, owner)

    read = {Part.BLUEPRINT, Part.TRIGGER}
    retry_on_conflict(f"trigger {old.id!r}", remove_once, read=read)
