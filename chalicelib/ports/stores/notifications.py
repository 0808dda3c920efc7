"""Protocols of the stores of webhook endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.page import Cursor, Page
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow


class WebhookEndpoints(Protocol):
    """The store of webhook endpoints."""

    def get(self, webhook_id: str) -> WebhookEndpoint:
        """Return an endpoint, in a consistent read; raise `NotFound` if there is none."""

    def list_all(self) -> list[WebhookEndpoint]:
        """Return all endpoints, oldest first, in a consistent read."""

    def list_cached(self) -> list[WebhookEndpoint]:
        """Return all endpoints, oldest first, as they were up to 15 seconds ago.

        Writes of this process show at once.
        """

    @may_lose(Part.WEBHOOK_ENDPOINT, Part.CLAIM)
    def add(self, new: WebhookEndpoint, claim: IdempotencyClaim | None = None) -> None:
        """Store a new endpoint.

        Loses an endpoint whose id exists, and a claim that binds at `new.created_at`.
        """

    def put(self, new: WebhookEndpoint, was: WebhookEndpoint) -> None:
        """Replace an endpoint; raise `Superseded` if it is gone, or not at the version of `was`."""

    def remove(self, old: WebhookEndpoint) -> None:
        """Remove an endpoint; raise `Superseded` if it is gone, or not at the version of `old`.

        Its deliveries stay until they expire.
        """


class Deliveries(Protocol):
    """The store of deliveries, each identified by its endpoint and its place in that list."""

    def get(self, webhook_id: str, position: str) -> Delivery:
        """Return a delivery, in a consistent read; raise `NotFound` if there is none."""

    def add(self, new: Delivery) -> bool:
        """Store a new delivery; return False, and write nothing, if it exists."""

    def put(self, new: Delivery, was: Delivery) -> None:
        """Replace a delivery; raise `Superseded` if it is gone, or not at the version of `was`."""

    def list_of_endpoint(
        self, webhook_id: str, before: Cursor | None, limit: int
    ) -> Page[Delivery]:
        """Return a page of the deliveries to an endpoint, by creation time; the read lags."""

    def due_shards(self) -> int:
        """Return how many shards the index of due deliveries has."""

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        """Yield the deliveries with `due_at <= until`, the longest overdue first, from an index.

        They are those of one shard (0 to `due_shards() - 1`), or all. Their id is the place in the
        list of their endpoint.
        """
