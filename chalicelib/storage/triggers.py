"""Triggers in DynamoDB."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing import Claim
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Due
from chalicelib.settings import settings
from chalicelib.storage import codec, pages
from chalicelib.storage.claims import absent_or_expired, claim_record
from chalicelib.storage.records import BlueprintRecord, TriggerRecord
from chalicelib.storage.transactions import Transaction, condition_failed


def record_of(trigger: Trigger) -> TriggerRecord:
    """Return the row of a trigger; one that is not due is in no due index."""
    due = trigger.due_at
    return TriggerRecord(
        id=trigger.id,
        definition_id=trigger.definition_id,
        version=trigger.version,
        data=codec.dump(trigger),
        due_shard=codec.shard(trigger.id) if due else None,
        due_at=codec.sortable(due) if due else None,
    )


class DynamoTriggers:
    """The store of triggers."""

    def get(self, trigger_id: str) -> Trigger:
        try:
            record = TriggerRecord.get(trigger_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("trigger", trigger_id) from None
        return codec.load(Trigger, record.data)

    def of(self, definition_id: str) -> list[Trigger]:
        ids = [row.id for row in TriggerRecord.of_definition.query(definition_id)]
        found = TriggerRecord.batch_get(ids, consistent_read=True) if ids else ()
        triggers = [codec.load(Trigger, record.data) for record in found]
        return sorted(triggers, key=lambda trigger: (trigger.created_at, trigger.id))

    def with_definitions(
        self, pairs: Collection[tuple[str, str]]
    ) -> dict[str, tuple[Trigger, Blueprint]]:
        if not pairs:
            return {}
        trigger_ids = list(dict.fromkeys(trigger for trigger, _ in pairs))
        definition_ids = list(dict.fromkeys(definition for _, definition in pairs))
        definitions = {
            record.id: codec.load(Blueprint, record.data)
            for record in BlueprintRecord.batch_get(definition_ids, consistent_read=True)
        }
        triggers = [
            codec.load(Trigger, record.data)
            for record in TriggerRecord.batch_get(trigger_ids, consistent_read=True)
        ]
        return {
            trigger.id: (trigger, definitions[trigger.definition_id])
            for trigger in triggers
            if trigger.definition_id in definitions
        }

    def add(self, new: Trigger, definition: Blueprint, claim: Claim | None) -> None:
        transaction = Transaction()
        same = BlueprintRecord.version == definition.version
        transaction.check("definition", BlueprintRecord, definition.id, same)
        transaction.put("trigger", record_of(new), TriggerRecord.id.does_not_exist())
        if claim:
            transaction.put("claim", claim_record(claim), absent_or_expired(new.created_at))
        transaction.commit()

    def put(self, new: Trigger, was: Trigger) -> None:
        try:
            record_of(new).save(condition=TriggerRecord.version == was.version)
        except PutError as error:
            if not condition_failed(error):
                raise
            raise Superseded(f"trigger {new.id!r} changed meanwhile") from error

    def remove(self, old: Trigger) -> None:
        try:
            record_of(old).delete(condition=TriggerRecord.version == old.version)
        except DeleteError as error:
            if not condition_failed(error):
                raise
            raise Superseded(f"trigger {old.id!r} changed meanwhile") from error

    def due(self, until: datetime) -> Iterator[Due]:
        rows = pages.due(TriggerRecord.due, settings.shards, codec.sortable(until))
        for row in rows:
            yield Due("trigger", row.id, codec.moment(row.due_at), row.definition_id)
