"""Blueprints in DynamoDB. A blueprint and its triggers change in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Change
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.records import BlueprintRecord, TemplateRecord
from chalicelib.storage.rows import blueprint_row
from chalicelib.storage.transactions import Transaction
from chalicelib.storage.triggers import delete, put_changed, put_new


def _link(transaction: Transaction, new: Blueprint | None, was: Blueprint | None) -> None:
    """Update the links of templates, because a linked template cannot be removed."""
    after = new.prompt_template_id if new else None
    before = was.prompt_template_id if was else None
    if after == before:
        return
    if new and after:
        link = TemplateRecord.links.add({new.id})
        there = TemplateRecord.id.exists()
        transaction.update("template", TemplateRecord(id=after), [link], there)
    if was and before:
        unlink = TemplateRecord.links.delete({was.id})
        transaction.update("old template", TemplateRecord(id=before), [unlink])


class DynamoBlueprints:
    """The store of blueprints."""

    def get(self, blueprint_id: str) -> Blueprint:
        try:
            record = BlueprintRecord.get(blueprint_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("task", blueprint_id) from None
        return codec.load(Blueprint, record.data)

    def add(self, new: Blueprint, triggers: Sequence[Trigger], claim: Claim | None) -> None:
        transaction = Transaction()
        transaction.put("definition", blueprint_row(new), BlueprintRecord.id.does_not_exist())
        for trigger in triggers:
            put_new(transaction, trigger)
        _link(transaction, new, None)
        claims.take(transaction, claim, new.created_at)
        transaction.commit()

    def put(self, new: Blueprint, was: Blueprint, triggers: Sequence[Change]) -> None:
        transaction = Transaction()
        transaction.put("definition", blueprint_row(new), BlueprintRecord.version == was.version)
        for change in triggers:
            put_changed(transaction, change)
        _link(transaction, new, was)
        transaction.commit()

    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None:
        transaction = Transaction()
        transaction.delete("definition", blueprint_row(old), BlueprintRecord.version == old.version)
        for trigger in triggers:
            delete(transaction, trigger)
        _link(transaction, None, old)
        transaction.commit()

    def newest(
        self, kind: str, before: str | None, limit: int
    ) -> tuple[list[Blueprint], str | None]:
        rows = pages.newest(BlueprintRecord.newest, kind, before, limit + 1)
        kept, position = pages.whole(BlueprintRecord, rows, limit)
        return [codec.load(Blueprint, row.data) for row in kept], position
