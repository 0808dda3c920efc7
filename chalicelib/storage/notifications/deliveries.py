"""Deliveries in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.errors import NotFound
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import DueRow
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.transactions import is_condition_failure, raise_superseded
from chalicelib.storage.records import DeliveryRecord

ONLY_SHARD = "0"
"""Few deliveries wait for a retry at any time, so one partition of the due index is enough."""


class DynamoDeliveries:
    """The store of deliveries, located by their endpoint and their place in its list."""

    def get(self, webhook_id: str, position: str) -> Delivery:
        try:
            record = DeliveryRecord.get(webhook_id, position, consistent_read=True)
        except DoesNotExist:
            raise NotFound("delivery", position) from None
        return codec.load_json(Delivery, record.data)

    def add(self, new: Delivery) -> bool:
        """Store a new delivery; return whether it was new."""
        try:
            _to_record(new).save(condition=DeliveryRecord.webhook_id.does_not_exist())
        except PutError as error:
            if not is_condition_failure(error):
                raise
            return False
        return True

    def put(self, new: Delivery, was: Delivery) -> None:
        require_next_version(new, was)
        with raise_superseded(f"delivery {new.id!r}"):
            _to_record(new).save(condition=DeliveryRecord.version == was.version)

    def list_of_endpoint(
        self, webhook_id: str, before: Cursor | None, limit: int
    ) -> Page[Delivery]:
        rows = pagination.query_newest(DeliveryRecord, webhook_id, before, limit + 1)
        return pagination.load_page(Delivery, rows, limit)

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        for row in pagination.query_due(DeliveryRecord.due, 1, codec.format_sortable(until), shard):
            yield DueRow(
                "delivery", row.age, codec.parse_sortable(row.due_at), webhook_id=row.webhook_id
            )


def _to_record(delivery: Delivery) -> DeliveryRecord:
    kept_until = delivery.created_at + settings.retention
    due = delivery.due_at
    return DeliveryRecord(
        webhook_id=delivery.webhook_id,
        age=delivery.list_position,
        version=delivery.version,
        data=codec.dump_json(delivery),
        due_shard=ONLY_SHARD if due else None,
        due_at=codec.format_sortable(due) if due else None,
        expires_at=int(kept_until.timestamp()),
    )
