"""Tables of the ledger and of claims."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class FiringsOfBlueprint(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_definition", IncludeProjection(["data"]))
    blueprint_id = UnicodeAttribute(hash_key=True, attr_name="definition_id")
    age = UnicodeAttribute(range_key=True)


class FiringsOfTrigger(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_trigger", IncludeProjection(["data"]))
    trigger_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class FiringRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("firings")

    id = UnicodeAttribute(hash_key=True)
    blueprint_id = UnicodeAttribute(null=True, attr_name="definition_id")
    trigger_id = UnicodeAttribute(null=True)
    age = UnicodeAttribute()
    data = UnicodeAttribute()
    brief = BinaryAttribute(null=True, legacy_encoding=False)
    expires_at = NumberAttribute()
    of_blueprint = FiringsOfBlueprint()
    of_trigger = FiringsOfTrigger()


class ClaimRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("claims")

    id = UnicodeAttribute(hash_key=True)
    digest = UnicodeAttribute()
    result = UnicodeAttribute()
    expires_at = NumberAttribute(null=True)
