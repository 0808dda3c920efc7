"""Tables of configuration (repos, secrets, keys) and of the stage's named times."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class RepoRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("repos")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()


class SecretRecord(Row):
    """The existence of a secret; its value is stored elsewhere."""

    class Meta(TableMeta):
        table_name = settings.table_name("secrets")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()


class NewestKeys(GlobalSecondaryIndex[Any]):
    Meta = index_meta("newest", IncludeProjection(["data", "used_at"]))
    library = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class KeyRecord(Row):
    """An API key or a session, located by the hash of its token, which is not stored."""

    class Meta(TableMeta):
        table_name = settings.table_name("keys")

    id = UnicodeAttribute(hash_key=True)
    library = UnicodeAttribute(null=True)
    age = UnicodeAttribute()
    data = UnicodeAttribute()
    used_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    newest = NewestKeys()


class MarkerRecord(Row):
    """The last time of a recurring event."""

    class Meta(TableMeta):
        table_name = settings.table_name("pulses")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()
    expires_at = NumberAttribute(null=True)
