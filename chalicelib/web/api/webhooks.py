"""Routes of webhook endpoints. Only a new secret is returned, and never the whole URL."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import webhooks
from chalicelib.domain.access import Scope
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.webhook import Webhook
from chalicelib.web import answers, models, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
)

routes = Routes(__name__)


def view(thing: Webhook) -> answers.WebhookView:
    """Return a webhook endpoint in the form of the API, with its health."""
    return {
        "id": thing.id,
        "url": thing.address,
        "kind": "slack" if thing.slack else "standard",
        "events": list(thing.events),
        "description": thing.description,
        "enabled": thing.enabled,
        "disabledReason": thing.disabled_reason,
        "failures": thing.failures,
        "hasSecret": True,
        "createdAt": views.moment(thing.created_at),
        "updatedAt": views.moment(thing.updated_at),
    }


def view_of_delivery(thing: Delivery) -> answers.DeliveryView:
    """Return a delivery in the form of the API, with each of its attempts."""
    last = thing.last
    return {
        "id": thing.id,
        "event": thing.event,
        "status": thing.standing,
        "attempt": len(thing.tries),
        "responseCode": last.code if last else None,
        "durationMs": last.milliseconds if last else None,
        "error": last.error if last else None,
        "nextAttemptAt": views.moment(thing.due_at),
        "attempts": [
            {
                "at": views.moment(one.at),
                "responseCode": one.code,
                "durationMs": one.milliseconds,
                "error": one.error,
            }
            for one in thing.tries
        ],
        "body": thing.body,
        "createdAt": views.moment(thing.created_at),
        "updatedAt": views.moment(thing.updated_at),
    }


@routes.at("GET", "/api/webhooks", needs=Scope.ADMIN)
def index() -> Answer[answers.WebhookList]:
    """List the webhook endpoints, oldest first, with the health of each."""
    found = wiring.world().webhooks.all()
    return answer({"webhooks": [view(thing) for thing in found], "nextCursor": None})


@routes.at("POST", "/api/webhooks", needs=Scope.ADMIN, takes="WebhookFields", status=201)
def create() -> Answer[answers.NewWebhookAnswer]:
    """Create a webhook endpoint; its secret is returned only here."""
    asked = models.parsed(models.WebhookFields, body_of(routes.current_request))
    made, secret = webhooks.create(
        wiring.world(),
        asked.url,
        events=asked.events,
        description=asked.description,
        enabled=asked.enabled,
        claim=claim_of(routes.current_request, ""),
    )
    return answer({"webhook": view(made), "secret": secret}, 201)


@routes.at("GET", "/api/webhooks/{webhook_id}", needs=Scope.ADMIN)
def show(webhook_id: str) -> Answer[answers.WebhookAnswer]:
    """Return a webhook endpoint with its health."""
    return answer({"webhook": view(wiring.world().webhooks.get(known_id("webhook", webhook_id)))})


@routes.at("PATCH", "/api/webhooks/{webhook_id}", needs=Scope.ADMIN, takes="WebhookPatch")
def edit(webhook_id: str) -> Answer[answers.WebhookAnswer]:
    """Change or pause a webhook endpoint, or re-enable a disabled one."""
    asked = models.parsed(models.WebhookPatch, body_of(routes.current_request))
    kept = webhooks.change(
        wiring.world(),
        known_id("webhook", webhook_id),
        url=asked.url,
        events=asked.events,
        description=asked.description,
        enabled=asked.enabled,
    )
    return answer({"webhook": view(kept)})


@routes.at("DELETE", "/api/webhooks/{webhook_id}", needs=Scope.ADMIN, status=204)
def remove(webhook_id: str) -> Answer[None]:
    """Delete a webhook endpoint; its pending messages are not sent."""
    webhooks.remove(wiring.world(), known_id("webhook", webhook_id))
    return answer(None, 204)


@routes.at("POST", "/api/webhooks/{webhook_id}/rotate-secret", needs=Scope.ADMIN)
def rotate(webhook_id: str) -> Answer[answers.NewWebhookAnswer]:
    """Create a new secret, returned only here; messages are also signed with the previous one."""
    kept, secret = webhooks.rotate(wiring.world(), known_id("webhook", webhook_id))
    return answer({"webhook": view(kept), "secret": secret})


@routes.at("POST", "/api/webhooks/{webhook_id}/test", needs=Scope.ADMIN)
def test(webhook_id: str) -> Answer[answers.DeliveryAnswer]:
    """Send one test message now and return the result of its delivery."""
    sent = webhooks.test(wiring.world(), known_id("webhook", webhook_id))
    return answer({"delivery": view_of_delivery(sent)})


@routes.at("GET", "/api/webhooks/{webhook_id}/deliveries", needs=Scope.ADMIN, query=PAGE)
def deliveries(webhook_id: str) -> Answer[answers.DeliveryList]:
    """List the deliveries to a webhook endpoint, newest first, with the result of each attempt."""
    request = routes.current_request
    before = cursor_of(request)
    found, position = webhooks.deliveries_of(
        wiring.world(), known_id("webhook", webhook_id), before, limit_of(request)
    )
    shown = [view_of_delivery(one) for one in found]
    return answer({"deliveries": shown, "nextCursor": encode_cursor(position)})
