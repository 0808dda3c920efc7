"""API keys and sessions in DynamoDB, located by the hash of their token, which is not stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist, UpdateError

from chalicelib.domain.access import Key
from chalicelib.domain.firing import Claim
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.records import KeyRecord
from chalicelib.storage.transactions import Transaction, condition_failed

LISTED = "keys"
SHOWN_EXPIRED = timedelta(days=30)
"""The time for which an expired key is still listed."""


class DynamoKeys:
    """The store of API keys. Reads are consistent, so that a revocation takes effect at once."""

    def find(self, id: str) -> Key | None:
        try:
            return _key(KeyRecord.get(id, consistent_read=True))
        except DoesNotExist:
            return None

    def add(self, new: Key, claim: Claim | None = None) -> None:
        if claim:
            claims.add("key", key_row(new), claim, new.created_at)
        else:
            key_row(new).save(condition=KeyRecord.id.does_not_exist())

    def remove(self, id: str, by: str | None = None) -> None:
        """Remove a key; if `by` is given, only while that key exists.

        Raises `Taken` otherwise: of two keys that remove each other at once, one remains.
        """
        transaction = Transaction()
        transaction.delete("key", KeyRecord(id=id))
        if by:
            transaction.check("by", KeyRecord, by, KeyRecord.id.exists())
        transaction.commit()

    def note_use(self, id: str, at: datetime) -> None:
        """Record the last use of a key; a concurrently revoked key is not created again."""
        change = KeyRecord.used_at.set(codec.sortable(at))
        try:
            KeyRecord(id=id).update(actions=[change], condition=KeyRecord.id.exists())
        except UpdateError as error:
            if not condition_failed(error):
                raise

    def newest(self, before: str | None, limit: int) -> tuple[list[Key], str | None]:
        rows = pages.newest(KeyRecord.newest, LISTED, before, limit + 1)
        kept, position = pages.page(rows, limit)
        return [_key(row) for row in kept], position


def key_row(key: Key) -> KeyRecord:
    """Return the row of a key; sessions are not listed."""
    own = key.parent is None
    until = key.expires_at + (SHOWN_EXPIRED if own else timedelta(0)) if key.expires_at else None
    return KeyRecord(
        id=key.id,
        library=LISTED if own else None,
        age=codec.age(key.created_at, key.id),
        data=codec.dump(key),
        expires_at=int(until.timestamp()) if until else None,
    )


def _key(row: KeyRecord) -> Key:
    key = codec.load(Key, row.data)
    return replace(key, last_used_at=codec.moment(row.used_at)) if row.used_at else key
