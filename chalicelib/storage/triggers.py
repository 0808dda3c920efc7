"""Triggers in DynamoDB. A webhook path is an item of its own, which makes it unique."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.decision import FiringContext
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, RunId, TriggerId
from chalicelib.domain.triggers.trigger import OnWebhook, Overlap, Trigger
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import DueRow, Part, TriggerChange, WebhookListener
from chalicelib.settings import settings
from chalicelib.storage import claims, gates
from chalicelib.storage.blueprint_rows import (
    blueprint_record,
    firing_record,
    load_trigger,
    trigger_record,
    webhook_listener_record,
)
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.batch_get import fetch_rows
from chalicelib.storage.dynamo.item_size import exceeds_key_size
from chalicelib.storage.dynamo.transactions import Transaction, raise_superseded
from chalicelib.storage.records import (
    BlueprintRecord,
    FiringRecord,
    SlotRecord,
    TemplateRecord,
    TriggerRecord,
    WebhookListenerRecord,
)


def put_new(transaction: Transaction, trigger: Trigger) -> None:
    """Add a new trigger, and its webhook path if it has one, to a transaction."""
    transaction.add_put(Part.TRIGGER, trigger_record(trigger), TriggerRecord.id.does_not_exist())
    if isinstance(trigger, OnWebhook):
        free = WebhookListenerRecord.id.does_not_exist()
        transaction.add_put(Part.WEBHOOK_PATH, webhook_listener_record(trigger), free)


def put_changed(transaction: Transaction, change: TriggerChange) -> None:
    """Add an edit of a trigger, with its gap and its webhook path, to a transaction."""
    new, was = change.new, change.was
    require_next_version(new, was)
    transaction.add_put(Part.TRIGGER, trigger_record(new), TriggerRecord.version == was.version)
    if change.gap:
        fresh = FiringRecord.id.does_not_exist()
        transaction.add_put(Part.FIRING, firing_record(change.gap), fresh)
    if not isinstance(new, OnWebhook) or not isinstance(was, OnWebhook):
        return
    if new.webhook.path != was.webhook.path:
        free = WebhookListenerRecord.id.does_not_exist()
        transaction.add_put(Part.WEBHOOK_PATH, webhook_listener_record(new), free)
        transaction.add_delete(Part.WEBHOOK_LISTENER, webhook_listener_record(was))
    elif new.template_id != was.template_id:
        ours = WebhookListenerRecord.trigger_id == new.id
        transaction.add_put(Part.WEBHOOK_LISTENER, webhook_listener_record(new), ours)


def delete_trigger(transaction: Transaction, trigger: Trigger) -> None:
    """Add the removal of a trigger and its webhook path to a transaction."""
    same = TriggerRecord.version == trigger.version
    transaction.add_delete(Part.TRIGGER, trigger_record(trigger), same)
    if isinstance(trigger, OnWebhook):
        transaction.add_delete(Part.WEBHOOK_LISTENER, webhook_listener_record(trigger))


class DynamoTriggers:
    """The store of triggers."""

    def get(self, trigger_id: TriggerId) -> Trigger:
        try:
            record = TriggerRecord.get(trigger_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("trigger", trigger_id) from None
        return load_trigger(record.data)

    def list_of_blueprint(self, blueprint: Blueprint) -> list[Trigger]:
        return self.list_of_blueprints([blueprint])[blueprint.id]

    def list_of_blueprints(
        self, blueprints: Collection[Blueprint]
    ) -> dict[BlueprintId, list[Trigger]]:
        """Return the triggers of each blueprint, oldest first, in one consistent read."""
        trigger_ids = [key for owner in blueprints for key in owner.trigger_ids]
        rows = fetch_rows({TriggerRecord: trigger_ids})[TriggerRecord]
        triggers_by_owner: dict[BlueprintId, list[Trigger]] = {owner.id: [] for owner in blueprints}
        for record in rows.values():
            trigger = load_trigger(record.data)
            triggers_by_owner[trigger.blueprint_id].append(trigger)
        for triggers in triggers_by_owner.values():
            triggers.sort(key=lambda trigger: (trigger.created_at, trigger.id))
        return triggers_by_owner

    def read_contexts(
        self, pairs: Collection[tuple[TriggerId, BlueprintId]], template_id: str | None = None
    ) -> dict[TriggerId, FiringContext]:
        """Return the basis of decisions for each (trigger id, blueprint id), by trigger id.

        It takes one or two reads. The second one is for library templates other than `template_id`,
        and for the active runs of blueprints with a trigger that limits overlaps. Missing triggers
        are left out.
        """
        rows = fetch_rows(
            {
                TriggerRecord: [trigger for trigger, _ in pairs],
                BlueprintRecord: [blueprint for _, blueprint in pairs],
                TemplateRecord: [template_id] if template_id else [],
            }
        )
        triggers = [load_trigger(row.data) for row in rows[TriggerRecord].values()]
        owners = {
            key: codec.load_json(Blueprint, row.data) for key, row in rows[BlueprintRecord].items()
        }
        owned = {t.id: (t, owners[t.blueprint_id]) for t in triggers if t.blueprint_id in owners}
        linked = {owner.prompt_template_id for _, owner in owned.values()} - {None}
        counted = {o.active_key for t, o in owned.values() if t.overlap_policy is not Overlap.ALLOW}
        unread: dict[type[Any], Collection[str]] = {
            TemplateRecord: [key for key in linked if key and key not in rows[TemplateRecord]],
            SlotRecord: sorted(counted),
        }
        more = fetch_rows(unread) if any(unread.values()) else {}
        templates = {**rows[TemplateRecord], **more.get(TemplateRecord, {})}
        return {
            key: _make_context(trigger, owner, templates, more.get(SlotRecord, {}))
            for key, (trigger, owner) in owned.items()
        }

    def find_listener(self, path: str) -> WebhookListener | None:
        if exceeds_key_size(path):
            return None
        try:
            row = WebhookListenerRecord.get(path, consistent_read=True)
        except DoesNotExist:
            return None
        return WebhookListener(
            path=row.id,
            trigger_id=TriggerId(row.trigger_id),
            blueprint_id=BlueprintId(row.blueprint_id),
            template_id=row.template_id,
        )

    def add(
        self, new: Trigger, was: Blueprint, owner: Blueprint, claim: IdempotencyClaim | None
    ) -> None:
        transaction = Transaction()
        _update_owner(transaction, was, owner)
        put_new(transaction, new)
        claims.take_claim(transaction, claim, new.created_at)
        transaction.commit_all()

    def put(self, change: TriggerChange, was: Blueprint, owner: Blueprint) -> None:
        transaction = Transaction()
        _update_owner(transaction, was, owner)
        put_changed(transaction, change)
        transaction.commit_all()

    def save_progress(self, new: Trigger, was: Trigger) -> None:
        """Write a change that the system itself made to a trigger."""
        require_next_version(new, was)
        with raise_superseded(f"trigger {new.id!r}"):
            trigger_record(new).save(condition=TriggerRecord.version == was.version)

    def remove(self, old: Trigger, was: Blueprint, owner: Blueprint) -> None:
        transaction = Transaction()
        _update_owner(transaction, was, owner)
        delete_trigger(transaction, old)
        transaction.commit_all()

    def due_shards(self) -> int:
        return settings.shards

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        rows = pagination.query_due(
            TriggerRecord.due, settings.shards, codec.format_sortable(until), shard
        )
        for row in rows:
            yield DueRow("trigger", row.id, codec.parse_sortable(row.due_at), row.blueprint_id)

    def list_of_source(self, source: str) -> list[tuple[TriggerId, BlueprintId]]:
        """Return the (trigger id, blueprint id) of each trigger for tickets of `source`."""
        return [(row.id, row.blueprint_id) for row in TriggerRecord.of_source.query(source)]

    def oldest_due(self, until: datetime) -> DueRow | None:
        rows = pagination.query_first_due(
            TriggerRecord.due, settings.shards, codec.format_sortable(until)
        )
        row = min(rows, key=lambda row: str(row.due_at), default=None)
        if row is None:
            return None
        return DueRow("trigger", row.id, codec.parse_sortable(row.due_at), row.blueprint_id)


def _update_owner(transaction: Transaction, was: Blueprint, owner: Blueprint) -> None:
    same = BlueprintRecord.version == was.version
    if owner == was:
        transaction.add_check(Part.BLUEPRINT, BlueprintRecord, was.id, same)
    else:
        require_next_version(owner, was)
        transaction.add_put(Part.BLUEPRINT, blueprint_record(owner), same)
        gates.move_gates(transaction, owner)


def _make_context(
    trigger: Trigger,
    owner: Blueprint,
    templates: dict[str, TemplateRecord],
    counters: dict[str, SlotRecord],
) -> FiringContext:
    linked = templates.get(owner.prompt_template_id or "")
    counter = counters.get(owner.active_key)
    held = counter.held if counter else None
    return FiringContext(
        blueprint=owner,
        trigger=trigger,
        template=codec.load_json(PromptTemplate, linked.data) if linked else None,
        active=frozenset(RunId(key) for key in held or ()),
    )
