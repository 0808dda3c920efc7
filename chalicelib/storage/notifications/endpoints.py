"""Webhook endpoints in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

import time

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part
from chalicelib.storage import claims
from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.transactions import raise_superseded
from chalicelib.storage.records import WebhookEndpointRecord

ENDPOINT_LIST = "webhooks"
CACHE_SECONDS = 15.0


class DynamoWebhookEndpoints:
    """The store of webhook endpoints."""

    def __init__(self) -> None:
        self._known: tuple[float, list[WebhookEndpoint]] | None = None

    def get(self, webhook_id: str) -> WebhookEndpoint:
        try:
            record = WebhookEndpointRecord.get(ENDPOINT_LIST, webhook_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("webhook", webhook_id) from None
        return codec.load_json(WebhookEndpoint, record.data)

    def list_all(self) -> list[WebhookEndpoint]:
        """Return all endpoints, oldest first, in a consistent read."""
        rows = WebhookEndpointRecord.query(ENDPOINT_LIST, consistent_read=True)
        endpoints = [codec.load_json(WebhookEndpoint, row.data) for row in rows]
        return sorted(endpoints, key=lambda webhook: (webhook.created_at, webhook.id))

    def list_cached(self) -> list[WebhookEndpoint]:
        """Return all endpoints, up to `CACHE_SECONDS` old, as this is called very often."""
        if self._known is None or time.monotonic() - self._known[0] > CACHE_SECONDS:
            self._known = (time.monotonic(), self.list_all())
        return self._known[1]

    def add(self, new: WebhookEndpoint, claim: IdempotencyClaim | None = None) -> None:
        self._known = None
        claims.put_claimed(Part.WEBHOOK_ENDPOINT, _to_record(new), claim, new.created_at)

    def put(self, new: WebhookEndpoint, was: WebhookEndpoint) -> None:
        require_next_version(new, was)
        self._known = None
        with raise_superseded(f"webhook {new.id!r}"):
            _to_record(new).save(condition=WebhookEndpointRecord.version == was.version)

    def remove(self, old: WebhookEndpoint) -> None:
        self._known = None
        with raise_superseded(f"webhook {old.id!r}"):
            _to_record(old).delete(condition=WebhookEndpointRecord.version == old.version)


def _to_record(webhook: WebhookEndpoint) -> WebhookEndpointRecord:
    return WebhookEndpointRecord(
        library=ENDPOINT_LIST, id=webhook.id, version=webhook.version, data=codec.dump_json(webhook)
    )
