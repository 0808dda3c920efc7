"""Rows of blueprints, triggers and firings: the whole object as text, and the key attributes."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import Firing
from chalicelib.domain.trigger import Trigger
from chalicelib.settings import settings
from chalicelib.storage import codec
from chalicelib.storage.records import BlueprintRecord, FiringRecord, HookRecord, TriggerRecord


def blueprint_row(blueprint: Blueprint) -> BlueprintRecord:
    """Return the row of a blueprint."""
    return BlueprintRecord(
        id=blueprint.id,
        kind=blueprint.kind.value,
        age=codec.age(blueprint.created_at, blueprint.id),
        version=blueprint.version,
        data=codec.dump(blueprint),
    )


def trigger_row(trigger: Trigger) -> TriggerRecord:
    """Return the row of a trigger; only a due time puts it into the due index."""
    due = trigger.due_at
    return TriggerRecord(
        id=trigger.id,
        definition_id=trigger.definition_id,
        version=trigger.version,
        data=codec.dump(trigger),
        due_shard=codec.shard(trigger.id) if due else None,
        due_at=codec.sortable(due) if due else None,
        source=trigger.ticket.source if trigger.ticket else None,
    )


def hook_row(trigger: Trigger) -> HookRecord:
    """Return the row of a webhook's path."""
    assert trigger.hook is not None
    return HookRecord(
        id=trigger.hook.path,
        trigger_id=trigger.id,
        definition_id=trigger.definition_id,
        template_id=trigger.template_id,
    )


def firing_row(firing: Firing, brief: bytes | None = None) -> FiringRecord:
    """Return the row of a firing; it expires a day after the promised retention."""
    kept_until = firing.fired_at + settings.retention + timedelta(days=1)
    return FiringRecord(
        id=firing.id,
        definition_id=firing.definition_id,
        trigger_id=firing.trigger_id,
        age=codec.age(firing.fired_at, firing.id),
        data=codec.dump(firing),
        brief=brief,
        expires_at=int(kept_until.timestamp()),
    )
