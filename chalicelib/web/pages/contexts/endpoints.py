"""The variables of the pages of the webhook endpoints."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.notifications.notification import Event
from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.contexts.marks import StateMark, mark_health, mark_state
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.filters import EVENT_WORDS, reindent_json

EVENT_CHOICES = tuple(event for event in Event if event is not Event.TEST)


@dataclass(frozen=True, kw_only=True)
class EventChoice:
    """An event that an endpoint may receive."""

    name: str
    label: str
    is_chosen: bool


def list_event_choices(chosen: Collection[str]) -> list[EventChoice]:
    """Return all events, with the chosen ones marked."""
    return [
        EventChoice(
            name=event.value,
            label=EVENT_WORDS.get(event, event),
            is_chosen=event.value in chosen,
        )
        for event in EVENT_CHOICES
    ]


@dataclass(frozen=True, kw_only=True)
class EndpointCard:
    """A webhook endpoint with its health."""

    id: str
    address: str
    format: str
    details: str
    health: StateMark
    disabled_reason: str | None
    created_at: datetime
    enabled: bool
    switch_button: str
    switch_label: str


def draw_endpoint(endpoint: WebhookEndpoint) -> EndpointCard:
    """Return the card of an endpoint."""
    form = "Slack messages" if endpoint.slack else "Standard Webhooks"
    events = f"{len(endpoint.events)} of {len(EVENT_CHOICES)} events"
    description = [endpoint.description] if endpoint.description else []
    return EndpointCard(
        id=endpoint.id,
        address=endpoint.address,
        format=form,
        details=" · ".join([*description, form, events]),
        health=mark_health(
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            failures=endpoint.failures,
        ),
        disabled_reason=endpoint.disabled_reason,
        created_at=endpoint.created_at,
        enabled=endpoint.enabled,
        switch_button="pause" if endpoint.enabled else "resume",
        switch_label="Pause" if endpoint.enabled else "Resume",
    )


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A delivery with its newest attempt."""

    mark: StateMark
    event: str
    attempts: str
    error: str | None
    next_attempt_at: datetime | None
    body: str
    code: int | None
    milliseconds: int | None
    created_at: datetime


def draw_delivery(delivery: Delivery) -> DeliveryRow:
    """Return the row of a delivery."""
    attempt = delivery.last_attempt
    count = len(delivery.tries)
    has_failed = attempt is not None and not attempt.is_accepted
    return DeliveryRow(
        mark=mark_state(delivery.standing),
        event=EVENT_WORDS.get(delivery.event, delivery.event),
        attempts=f"{count} attempts" if count > 1 else "",
        error=attempt.failure_reason if attempt and has_failed else None,
        next_attempt_at=delivery.due_at,
        body=reindent_json(delivery.body),
        code=attempt.code if attempt else None,
        milliseconds=attempt.milliseconds if attempt else None,
        created_at=delivery.created_at,
    )


@dataclass(frozen=True, kw_only=True)
class EndpointListPage(FormContext):
    """The variables of the list of the endpoints."""

    template = "webhooks.html"

    notice: Notice | None
    endpoints: list[EndpointCard]
    events: list[EventChoice]


@dataclass(frozen=True, kw_only=True)
class EndpointPage(FormContext):
    """The variables of the page of an endpoint. `secret` is shown once, after its creation."""

    template = "webhook.html"

    notice: Notice | None
    endpoint: EndpointCard
    events: list[EventChoice]
    deliveries: list[DeliveryRow]
    older_url: str
    secret: str
