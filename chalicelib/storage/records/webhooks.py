"""Tables of webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class WebhookEndpointRecord(Row):
    """All endpoints of a stage share one partition, so that one query reads them."""

    class Meta(TableMeta):
        table_name = settings.table_name("webhooks")

    library = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()


class DeliveryDueIndex(GlobalSecondaryIndex[Any]):
    Meta = index_meta("due", KeysOnlyProjection())
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class DeliveryRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("deliveries")

    webhook_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()
    due = DeliveryDueIndex()
