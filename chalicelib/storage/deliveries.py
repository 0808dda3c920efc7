"""Deliveries in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import NotFound
from chalicelib.ports import Due
from chalicelib.settings import settings
from chalicelib.storage import codec, pages
from chalicelib.storage.records import DeliveryRecord
from chalicelib.storage.transactions import condition_failed, guarded

ONLY_SHARD = "0"
"""Few deliveries wait for a retry at any time, so one partition of the due index is enough."""


class DynamoDeliveries:
    """The store of deliveries, located by their endpoint and their place in its list."""

    def get(self, webhook_id: str, place: str) -> Delivery:
        try:
            record = DeliveryRecord.get(webhook_id, place, consistent_read=True)
        except DoesNotExist:
            raise NotFound("delivery", place) from None
        return codec.load(Delivery, record.data)

    def add(self, new: Delivery) -> bool:
        """Store a new delivery; return whether it was new."""
        try:
            _record(new).save(condition=DeliveryRecord.webhook_id.does_not_exist())
        except PutError as error:
            if not condition_failed(error):
                raise
            return False
        return True

    def put(self, new: Delivery, was: Delivery) -> None:
        with guarded(f"delivery {new.id!r}"):
            _record(new).save(condition=DeliveryRecord.version == was.version)

    def of_webhook(
        self, webhook_id: str, before: str | None, limit: int
    ) -> tuple[list[Delivery], str | None]:
        rows = pages.newest(DeliveryRecord, webhook_id, before, limit + 1)
        return pages.things(Delivery, rows, limit)

    def due_shards(self) -> int:
        return 1

    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]:
        for row in pages.due(DeliveryRecord.due, 1, codec.sortable(until), shard):
            yield Due("delivery", row.age, codec.moment(row.due_at), webhook_id=row.webhook_id)


def _record(delivery: Delivery) -> DeliveryRecord:
    kept = delivery.created_at + settings.retention
    due = delivery.due_at
    return DeliveryRecord(
        webhook_id=delivery.webhook_id,
        age=delivery.place,
        version=delivery.version,
        data=codec.dump(delivery),
        due_shard=ONLY_SHARD if due else None,
        due_at=codec.sortable(due) if due else None,
        expires_at=int(kept.timestamp()),
    )
