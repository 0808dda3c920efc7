"""Webhook endpoints in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

import time

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.webhook import Webhook
from chalicelib.storage import claims, codec
from chalicelib.storage.records import WebhookRecord
from chalicelib.storage.transactions import guarded

ALL = "webhooks"
KNOWN_FOR_SECONDS = 15.0


class DynamoWebhooks:
    """The store of webhook endpoints."""

    def __init__(self) -> None:
        self._known: tuple[float, list[Webhook]] | None = None

    def get(self, webhook_id: str) -> Webhook:
        try:
            record = WebhookRecord.get(ALL, webhook_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("webhook", webhook_id) from None
        return codec.load(Webhook, record.data)

    def all(self) -> list[Webhook]:
        """Return all endpoints, oldest first, in a consistent read."""
        rows = WebhookRecord.query(ALL, consistent_read=True)
        found = [codec.load(Webhook, row.data) for row in rows]
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    def lately(self) -> list[Webhook]:
        """Return all endpoints, up to `KNOWN_FOR_SECONDS` old, as this is called very often."""
        if self._known is None or time.monotonic() - self._known[0] > KNOWN_FOR_SECONDS:
            self._known = (time.monotonic(), self.all())
        return self._known[1]

    def add(self, new: Webhook, claim: Claim | None = None) -> None:
        self._known = None
        claims.add("webhook", _record(new), claim, new.created_at)

    def put(self, new: Webhook, was: Webhook) -> None:
        self._known = None
        with guarded(f"webhook {new.id!r}"):
            _record(new).save(condition=WebhookRecord.version == was.version)

    def remove(self, old: Webhook) -> None:
        self._known = None
        with guarded(f"webhook {old.id!r}"):
            _record(old).delete(condition=WebhookRecord.version == old.version)


def _record(webhook: Webhook) -> WebhookRecord:
    return WebhookRecord(
        library=ALL, id=webhook.id, version=webhook.version, data=codec.dump(webhook)
    )
