"""API keys and sessions in DynamoDB, located by the hash of their token, which is not stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist, PutError, UpdateError

from chalicelib.domain.access.key import ApiKey
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.page import Cursor, Page, list_position
from chalicelib.ports import LostRow, Part, WriteConflict
from chalicelib.storage import claims
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.transactions import Transaction, is_condition_failure
from chalicelib.storage.records import KeyRecord

KEY_LIST = "keys"
EXPIRED_KEY_RETENTION = timedelta(days=30)
"""The time for which an expired key is still listed."""


class DynamoKeys:
    """The store of API keys. Reads are consistent, so that a revocation takes effect at once."""

    def find_by_id(self, id: str) -> ApiKey | None:
        try:
            return from_record(KeyRecord.get(id, consistent_read=True))
        except DoesNotExist:
            return None

    def add(self, new: ApiKey, claim: IdempotencyClaim | None = None) -> None:
        if claim:
            claims.put_claimed(Part.KEY, to_record(new), claim, new.created_at)
            return
        try:
            to_record(new).save(condition=KeyRecord.id.does_not_exist())
        except PutError as error:
            if not is_condition_failure(error):
                raise
            raise WriteConflict([LostRow(Part.KEY, new.id)]) from error

    def remove(self, id: str, by: str | None = None) -> None:
        """Remove a key; if `by` is given, only while that key exists.

        Raises `WriteConflict` otherwise: of two keys that remove each other at once, one remains.
        """
        transaction = Transaction()
        transaction.add_delete(Part.KEY, KeyRecord(id=id))
        if by:
            transaction.add_check(Part.CALLER_KEY, KeyRecord, by, KeyRecord.id.exists())
        transaction.commit_all()

    def note_use(self, id: str, at: datetime) -> None:
        """Record the last use of a key; a concurrently revoked key is not created again."""
        change = KeyRecord.used_at.set(codec.format_sortable(at))
        try:
            KeyRecord(id=id).update(actions=[change], condition=KeyRecord.id.exists())
        except UpdateError as error:
            if not is_condition_failure(error):
                raise

    def list_newest(self, before: Cursor | None, limit: int) -> Page[ApiKey]:
        rows = pagination.query_newest(KeyRecord.newest, KEY_LIST, before, limit + 1)
        records, position = pagination.cut_page(rows, limit)
        return Page([from_record(row) for row in records], position)


def to_record(key: ApiKey) -> KeyRecord:
    """Return the row of a key; sessions are not listed."""
    own = key.parent is None
    until = (
        key.expires_at + (EXPIRED_KEY_RETENTION if own else timedelta(0))
        if key.expires_at
        else None
    )
    return KeyRecord(
        id=key.id,
        library=KEY_LIST if own else None,
        age=list_position(key.created_at, key.id),
        data=codec.dump_json(key),
        expires_at=int(until.timestamp()) if until else None,
    )


def from_record(row: KeyRecord) -> ApiKey:
    """Return the key of a row; its last use is an attribute of its own."""
    key = codec.load_json(ApiKey, row.data)
    return replace(key, last_used_at=codec.parse_sortable(row.used_at)) if row.used_at else key
