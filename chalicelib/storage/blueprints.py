"""Definitions in DynamoDB. A definition and its triggers change in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.trigger import Trigger
from chalicelib.storage import codec, pages
from chalicelib.storage.claims import absent_or_expired, claim_record
from chalicelib.storage.records import BlueprintRecord, TriggerRecord
from chalicelib.storage.transactions import Transaction
from chalicelib.storage.triggers import record_of as trigger_record


def record_of(blueprint: Blueprint) -> BlueprintRecord:
    """Return the row of a definition."""
    return BlueprintRecord(
        id=blueprint.id,
        kind=blueprint.kind.value,
        age=codec.age(blueprint.created_at, blueprint.id),
        version=blueprint.version,
        data=codec.dump(blueprint),
    )


class DynamoBlueprints:
    """The store of definitions."""

    def get(self, blueprint_id: str) -> Blueprint:
        try:
            record = BlueprintRecord.get(blueprint_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("task", blueprint_id) from None
        return codec.load(Blueprint, record.data)

    def add(self, new: Blueprint, triggers: Sequence[Trigger], claim: Claim | None) -> None:
        transaction = Transaction()
        transaction.put("definition", record_of(new), BlueprintRecord.id.does_not_exist())
        for trigger in triggers:
            transaction.put("trigger", trigger_record(trigger), TriggerRecord.id.does_not_exist())
        if claim:
            transaction.put("claim", claim_record(claim), absent_or_expired(new.created_at))
        transaction.commit()

    def put(
        self, new: Blueprint, was: Blueprint, triggers: Sequence[tuple[Trigger, Trigger]]
    ) -> None:
        transaction = Transaction()
        transaction.put("definition", record_of(new), BlueprintRecord.version == was.version)
        for after, before in triggers:
            same = TriggerRecord.version == before.version
            transaction.put("trigger", trigger_record(after), same)
        transaction.commit()

    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None:
        transaction = Transaction()
        transaction.delete("definition", record_of(old), BlueprintRecord.version == old.version)
        for trigger in triggers:
            same = TriggerRecord.version == trigger.version
            transaction.delete("trigger", trigger_record(trigger), same)
        transaction.commit()

    def newest(
        self, kind: str, before: str | None, limit: int
    ) -> tuple[list[Blueprint], str | None]:
        rows, position = pages.page(
            pages.newest(BlueprintRecord.newest, kind, before, limit + 1), limit
        )
        found = BlueprintRecord.batch_get([row.id for row in rows]) if rows else ()
        things = {record.id: codec.load(Blueprint, record.data) for record in found}
        return [things[row.id] for row in rows if row.id in things], position
