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
from chalicelib.storage.connection import Row
from chalicelib.storage.records.base import Settled, index


class FiringsOfDefinition(GlobalSecondaryIndex[Any]):
    Meta = index("of_definition", IncludeProjection(["data"]))
    definition_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class FiringsOfTrigger(GlobalSecondaryIndex[Any]):
    Meta = index("of_trigger", IncludeProjection(["data"]))
    trigger_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class FiringRecord(Row):
    class Meta(Settled):
        table_name = settings.table("firings")

    id = UnicodeAttribute(hash_key=True)
    definition_id = UnicodeAttribute(null=True)
    trigger_id = UnicodeAttribute(null=True)
    age = UnicodeAttribute()
    data = UnicodeAttribute()
    brief = BinaryAttribute(null=True, legacy_encoding=False)
    expires_at = NumberAttribute()
    of_definition = FiringsOfDefinition()
    of_trigger = FiringsOfTrigger()


class ClaimRecord(Row):
    class Meta(Settled):
        table_name = settings.table("claims")

    id = UnicodeAttribute(hash_key=True)
    digest = UnicodeAttribute()
    result = UnicodeAttribute()
    expires_at = NumberAttribute(null=True)
