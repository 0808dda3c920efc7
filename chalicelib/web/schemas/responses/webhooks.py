"""Response types of webhook endpoints and their deliveries."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from chalicelib.domain.notifications.delivery import Standing
from chalicelib.domain.notifications.notification import Event
from chalicelib.web.schemas.responses.values import Count, Cursor, Id, Moment


class WebhookView(TypedDict):
    id: Id
    url: str
    kind: Literal["slack", "standard"]
    events: list[Event]
    description: str
    enabled: bool
    disabledReason: str | None
    failures: Count
    hasSecret: bool
    createdAt: Moment
    updatedAt: Moment


class WebhookAnswer(TypedDict):
    webhook: WebhookView


class NewWebhookAnswer(WebhookAnswer):
    secret: str


class WebhookList(TypedDict):
    webhooks: list[WebhookView]
    nextCursor: Cursor


class TryView(TypedDict):
    at: Moment
    responseCode: int | None
    durationMs: Count
    error: str | None


class DeliveryView(TypedDict):
    id: Id
    event: Event
    status: Standing
    attempt: Count
    responseCode: int | None
    durationMs: Count | None
    error: str | None
    nextAttemptAt: Moment | None
    attempts: list[TryView]
    body: str
    createdAt: Moment
    updatedAt: Moment


class DeliveryAnswer(TypedDict):
    delivery: DeliveryView


class DeliveryList(TypedDict):
    deliveries: list[DeliveryView]
    nextCursor: Cursor
