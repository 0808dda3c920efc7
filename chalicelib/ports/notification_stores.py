"""Protocols of the stores of webhook endpoints and deliveries.

The rules of `ports/stores.py` apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow


class WebhookEndpoints(Protocol):
    """The store of webhook endpoints.

    `list_all` is consistent and sorted by age, oldest first; `list_cached` may be some seconds old.
    """

    def get(self, webhook_id: str) -> WebhookEndpoint: ...
    def list_all(self) -> list[WebhookEndpoint]: ...
    def list_cached(self) -> list[WebhookEndpoint]: ...
    @may_lose(Part.WEBHOOK_ENDPOINT, Part.CLAIM)
    def add(self, new: WebhookEndpoint, claim: IdempotencyClaim | None = None) -> None: ...
    def put(self, new: WebhookEndpoint, was: WebhookEndpoint) -> None: ...
    def remove(self, old: WebhookEndpoint) -> None: ...


class Deliveries(Protocol):
    """The store of deliveries, each identified by its endpoint and its place in that list.

    `add` returns False, and writes nothing, if the delivery exists.
    """

    def get(self, webhook_id: str, position: str) -> Delivery: ...
    def add(self, new: Delivery) -> bool: ...
    def put(self, new: Delivery, was: Delivery) -> None: ...
    def list_of_endpoint(
        self, webhook_id: str, before: str | None, limit: int
    ) -> tuple[list[Delivery], str | None]: ...
    def due_shards(self) -> int: ...
    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]: ...
