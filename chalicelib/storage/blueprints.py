"""Blueprints in DynamoDB. A blueprint and its triggers change in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import BlueprintId
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part, TriggerChange
from chalicelib.storage import claims, gates
from chalicelib.storage.blueprint_rows import blueprint_record
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.transactions import Transaction
from chalicelib.storage.records import BlueprintRecord, TemplateRecord
from chalicelib.storage.triggers import delete_trigger, put_changed, put_new


def _update_links(transaction: Transaction, new: Blueprint | None, was: Blueprint | None) -> None:
    """Update the links of templates, because a linked template cannot be removed."""
    after = new.prompt_template_id if new else None
    before = was.prompt_template_id if was else None
    if after == before:
        return
    if new and after:
        link = TemplateRecord.links.add({new.id})
        exists = TemplateRecord.id.exists()
        transaction.add_update(Part.TEMPLATE, TemplateRecord(id=after), [link], exists)
    if was and before:
        unlink = TemplateRecord.links.delete({was.id})
        transaction.add_update(Part.TEMPLATE, TemplateRecord(id=before), [unlink])


class DynamoBlueprints:
    """The store of blueprints."""

    def get(self, blueprint_id: BlueprintId) -> Blueprint:
        try:
            record = BlueprintRecord.get(blueprint_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("task", blueprint_id) from None
        return codec.load_json(Blueprint, record.data)

    def add(
        self, new: Blueprint, triggers: Sequence[Trigger], claim: IdempotencyClaim | None
    ) -> None:
        transaction = Transaction()
        transaction.add_put(
            Part.BLUEPRINT, blueprint_record(new), BlueprintRecord.id.does_not_exist()
        )
        for trigger in triggers:
            put_new(transaction, trigger)
        _update_links(transaction, new, None)
        claims.take_claim(transaction, claim, new.created_at)
        transaction.commit_all()

    def put(self, new: Blueprint, was: Blueprint, triggers: Sequence[TriggerChange]) -> None:
        require_next_version(new, was)
        transaction = Transaction()
        transaction.add_put(
            Part.BLUEPRINT, blueprint_record(new), BlueprintRecord.version == was.version
        )
        gates.move_gates(transaction, new)
        for change in triggers:
            put_changed(transaction, change)
        _update_links(transaction, new, was)
        transaction.commit_all()

    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None:
        transaction = Transaction()
        transaction.add_delete(
            Part.BLUEPRINT, blueprint_record(old), BlueprintRecord.version == old.version
        )
        gates.shut_gates(transaction, old)
        for trigger in triggers:
            delete_trigger(transaction, trigger)
        _update_links(transaction, None, old)
        transaction.commit_all()

    def list_newest(self, kind: str, before: Cursor | None, limit: int) -> Page[Blueprint]:
        rows = pagination.query_newest(BlueprintRecord.newest, kind, before, limit + 1)
        records, position = pagination.load_whole_page(BlueprintRecord, rows, limit)
        return Page([codec.load_json(Blueprint, row.data) for row in records], position)
