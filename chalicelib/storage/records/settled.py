"""What people set up, and what a stage notes about itself."""

from __future__ import annotations

from pynamodb.attributes import (
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.settings import settings
from chalicelib.storage.connection import Row
from chalicelib.storage.records.base import Settled


class RepoRecord(Row):
    class Meta(Settled):
        table_name = settings.table("repos")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()


class SecretRecord(Row):
    """That a secret is there; its value is not."""

    class Meta(Settled):
        table_name = settings.table("secrets")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()


class KeyRecord(Row):
    """An API key, found by the SHA-256 of its token; the token itself is nowhere."""

    class Meta(Settled):
        table_name = settings.table("keys")

    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    created_at = UnicodeAttribute()


class PulseRecord(Row):
    """When something that comes again and again came last."""

    class Meta(Settled):
        table_name = settings.table("pulses")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()
