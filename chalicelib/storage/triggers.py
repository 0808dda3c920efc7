"""Triggers in DynamoDB. A webhook path is an item of its own, which makes it unique."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.trigger import Overlap, Trigger
from chalicelib.ports import Change, Due, Hook
from chalicelib.settings import settings
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.batches import fetch
from chalicelib.storage.records import (
    BlueprintRecord,
    FiringRecord,
    HookRecord,
    SlotRecord,
    TemplateRecord,
    TriggerRecord,
)
from chalicelib.storage.rows import blueprint_row, firing_row, hook_row, trigger_row
from chalicelib.storage.sizes import nameless
from chalicelib.storage.transactions import Transaction, guarded


def put_new(transaction: Transaction, trigger: Trigger) -> None:
    """Add a new trigger, and its webhook path if it has one, to a transaction."""
    transaction.put("trigger", trigger_row(trigger), TriggerRecord.id.does_not_exist())
    if trigger.hook:
        path = f"path {trigger.hook.path}"
        transaction.put(path, hook_row(trigger), HookRecord.id.does_not_exist())


def put_changed(transaction: Transaction, change: Change) -> None:
    """Add an edit of a trigger, with its gap and its webhook path, to a transaction."""
    new, was = change.new, change.was
    transaction.put("trigger", trigger_row(new), TriggerRecord.version == was.version)
    if change.gap:
        fresh = FiringRecord.id.does_not_exist()
        transaction.put("firing", firing_row(change.gap), fresh)
    if new.hook and was.hook and new.hook.path != was.hook.path:
        path = f"path {new.hook.path}"
        transaction.put(path, hook_row(new), HookRecord.id.does_not_exist())
        transaction.delete("old path", hook_row(was))
    elif new.hook and new.template_id != was.template_id:
        transaction.put("path", hook_row(new), HookRecord.trigger_id == new.id)


def delete(transaction: Transaction, trigger: Trigger) -> None:
    """Add the removal of a trigger and its webhook path to a transaction."""
    same = TriggerRecord.version == trigger.version
    transaction.delete("trigger", trigger_row(trigger), same)
    if trigger.hook:
        transaction.delete("path", hook_row(trigger))


class DynamoTriggers:
    """The store of triggers."""

    def get(self, trigger_id: str) -> Trigger:
        try:
            record = TriggerRecord.get(trigger_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("trigger", trigger_id) from None
        return codec.load(Trigger, record.data)

    def of(self, definition: Blueprint) -> list[Trigger]:
        return self.of_all([definition])[definition.id]

    def of_all(self, definitions: Collection[Blueprint]) -> dict[str, list[Trigger]]:
        """Return the triggers of each blueprint, oldest first, in one consistent read."""
        asked = [key for owner in definitions for key in owner.trigger_ids]
        rows = fetch({TriggerRecord: asked})[TriggerRecord]
        found: dict[str, list[Trigger]] = {owner.id: [] for owner in definitions}
        for record in rows.values():
            trigger = codec.load(Trigger, record.data)
            found[trigger.definition_id].append(trigger)
        for triggers in found.values():
            triggers.sort(key=lambda trigger: (trigger.created_at, trigger.id))
        return found

    def bases(
        self, pairs: Collection[tuple[str, str]], template_id: str | None = None
    ) -> dict[str, Basis]:
        """Return the basis of decisions for each (trigger id, blueprint id), by trigger id.

        It takes one or two reads. The second one is for library templates other than `template_id`,
        and for the active runs of blueprints with a trigger that limits overlaps. Missing triggers
        are left out.
        """
        rows = fetch(
            {
                TriggerRecord: [trigger for trigger, _ in pairs],
                BlueprintRecord: [definition for _, definition in pairs],
                TemplateRecord: [template_id] if template_id else [],
            }
        )
        triggers = [codec.load(Trigger, row.data) for row in rows[TriggerRecord].values()]
        owners = {
            key: codec.load(Blueprint, row.data) for key, row in rows[BlueprintRecord].items()
        }
        found = {t.id: (t, owners[t.definition_id]) for t in triggers if t.definition_id in owners}
        linked = {owner.prompt_template_id for _, owner in found.values()} - {None}
        counted = {o.active_key for t, o in found.values() if t.overlap is not Overlap.ALLOW}
        unread = {
            TemplateRecord: [key for key in linked if key and key not in rows[TemplateRecord]],
            SlotRecord: sorted(counted),
        }
        more = fetch(unread) if any(unread.values()) else {}
        templates = {**rows[TemplateRecord], **more.get(TemplateRecord, {})}
        return {
            key: _basis(trigger, owner, templates, more.get(SlotRecord, {}))
            for key, (trigger, owner) in found.items()
        }

    def hook(self, path: str) -> Hook | None:
        if nameless(path):
            return None
        try:
            row = HookRecord.get(path, consistent_read=True)
        except DoesNotExist:
            return None
        return Hook(
            path=row.id,
            trigger_id=row.trigger_id,
            definition_id=row.definition_id,
            template_id=row.template_id,
        )

    def add(self, new: Trigger, was: Blueprint, owner: Blueprint, claim: Claim | None) -> None:
        transaction = Transaction()
        _owner(transaction, was, owner)
        put_new(transaction, new)
        claims.take(transaction, claim, new.created_at)
        transaction.commit()

    def put(self, change: Change, was: Blueprint, owner: Blueprint) -> None:
        transaction = Transaction()
        _owner(transaction, was, owner)
        put_changed(transaction, change)
        transaction.commit()

    def note(self, new: Trigger, was: Trigger) -> None:
        """Write a change that the system itself made to a trigger."""
        with guarded(f"trigger {new.id!r}"):
            trigger_row(new).save(condition=TriggerRecord.version == was.version)

    def remove(self, old: Trigger, was: Blueprint, owner: Blueprint) -> None:
        transaction = Transaction()
        _owner(transaction, was, owner)
        delete(transaction, old)
        transaction.commit()

    def due_shards(self) -> int:
        return settings.shards

    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]:
        rows = pages.due(TriggerRecord.due, settings.shards, codec.sortable(until), shard)
        for row in rows:
            yield Due("trigger", row.id, codec.moment(row.due_at), row.definition_id)

    def of_source(self, source: str) -> list[tuple[str, str]]:
        """Return the (trigger id, blueprint id) of each trigger for tickets of `source`."""
        return [(row.id, row.definition_id) for row in TriggerRecord.of_source.query(source)]

    def oldest_due(self, until: datetime) -> Due | None:
        rows = pages.first_due(TriggerRecord.due, settings.shards, codec.sortable(until))
        row = min(rows, key=lambda row: str(row.due_at), default=None)
        if row is None:
            return None
        return Due("trigger", row.id, codec.moment(row.due_at), row.definition_id)


def _owner(transaction: Transaction, was: Blueprint, owner: Blueprint) -> None:
    same = BlueprintRecord.version == was.version
    if owner == was:
        transaction.check("definition", BlueprintRecord, was.id, same)
    else:
        transaction.put("definition", blueprint_row(owner), same)


def _basis(
    trigger: Trigger,
    owner: Blueprint,
    templates: dict[str, TemplateRecord],
    counters: dict[str, SlotRecord],
) -> Basis:
    linked = templates.get(owner.prompt_template_id or "")
    counter = counters.get(owner.active_key)
    return Basis(
        definition=owner,
        trigger=trigger,
        template=codec.load(PromptTemplate, linked.data) if linked else None,
        active=frozenset(counter.held or ()) if counter else frozenset(),
    )
