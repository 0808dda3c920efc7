"""API keys in DynamoDB, found by the SHA-256 of their token: the token itself is nowhere."""

from __future__ import annotations

import hashlib

from pynamodb.exceptions import DoesNotExist

from chalicelib.storage.records import KeyRecord


class DynamoKeys:
    """The store of API keys."""

    def role(self, token: str) -> str | None:
        """Return the role of the key with this token, or None when there is no such key."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        try:
            return KeyRecord.get(digest).role
        except DoesNotExist:
            return None
