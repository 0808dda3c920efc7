"""The table of ticket providers."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class ProviderDueIndex(GlobalSecondaryIndex[Any]):
    Meta = index_meta("due", KeysOnlyProjection())
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class ProviderRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("providers")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    due = ProviderDueIndex()
