"""Rows of blueprints, triggers and firings: the whole object as text, and the key attributes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.firing.firing import Firing
from chalicelib.domain.page import list_position
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import OnDemand, OnSchedule, OnTicket, OnWebhook, Trigger
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec
from chalicelib.storage.records import (
    BlueprintRecord,
    FiringRecord,
    TriggerRecord,
    WebhookListenerRecord,
)

_TRIGGER_CLASSES: dict[TriggerType, type[Trigger]] = {
    kind.type: kind for kind in (OnSchedule, OnWebhook, OnTicket, OnDemand)
}


@dataclass(frozen=True)
class _TriggerKind:
    """The part of a trigger's row that names its class."""

    type: TriggerType


def blueprint_record(blueprint: Blueprint) -> BlueprintRecord:
    """Return the row of a blueprint."""
    return BlueprintRecord(
        id=blueprint.id,
        kind=blueprint.kind.value,
        age=list_position(blueprint.created_at, blueprint.id),
        version=blueprint.version,
        data=codec.dump_json(blueprint),
    )


def trigger_record(trigger: Trigger) -> TriggerRecord:
    """Return the row of a trigger; only a due time puts it into the due index."""
    due = trigger.due_at
    return TriggerRecord(
        id=trigger.id,
        blueprint_id=trigger.blueprint_id,
        version=trigger.version,
        data=codec.dump_json(trigger, extra={"type": trigger.type}),
        due_shard=codec.shard_of(trigger.id) if due else None,
        due_at=codec.format_sortable(due) if due else None,
        source=trigger.ticket.source if isinstance(trigger, OnTicket) else None,
    )


def load_trigger(text: str) -> Trigger:
    """Return the trigger in a row; its type decides about its class."""
    kind = codec.load_json(_TriggerKind, text).type
    return codec.load_json(_TRIGGER_CLASSES[kind], text)


def webhook_listener_record(trigger: OnWebhook) -> WebhookListenerRecord:
    """Return the row of a webhook's path."""
    return WebhookListenerRecord(
        id=trigger.webhook.path,
        trigger_id=trigger.id,
        blueprint_id=trigger.blueprint_id,
        template_id=trigger.template_id,
    )


def firing_record(firing: Firing, brief: bytes | None = None) -> FiringRecord:
    """Return the row of a firing; it expires a day after the promised retention."""
    kept_until = firing.fired_at + settings.retention + timedelta(days=1)
    return FiringRecord(
        id=firing.id,
        blueprint_id=firing.blueprint_id,
        trigger_id=firing.trigger_id,
        age=list_position(firing.fired_at, firing.id),
        data=codec.dump_json(firing),
        brief=brief,
        expires_at=int(kept_until.timestamp()),
    )
