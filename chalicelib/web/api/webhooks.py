"""Routes of webhook endpoints. Only a new secret is returned, and never the whole URL."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.notifications import endpoints
from chalicelib.domain.access.key import Scope
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


def endpoint_view(endpoint: WebhookEndpoint) -> responses.WebhookView:
    """Return a webhook endpoint in the form of the API, with its health."""
    return {
        "id": endpoint.id,
        "url": endpoint.address,
        "kind": "slack" if endpoint.slack else "standard",
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabledReason": endpoint.disabled_reason,
        "failures": endpoint.failures,
        "hasSecret": True,
        "createdAt": resource_views.format_optional_moment(endpoint.created_at),
        "updatedAt": resource_views.format_optional_moment(endpoint.updated_at),
    }


def delivery_view(delivery: Delivery) -> responses.DeliveryView:
    """Return a delivery in the form of the API, with each of its attempts."""
    last = delivery.last_attempt
    return {
        "id": delivery.id,
        "event": delivery.event,
        "status": delivery.standing,
        "attempt": len(delivery.tries),
        "responseCode": last.code if last else None,
        "durationMs": last.milliseconds if last else None,
        "error": last.error if last else None,
        "nextAttemptAt": resource_views.format_optional_moment(delivery.due_at),
        "attempts": [
            {
                "at": resource_views.format_optional_moment(attempt.at),
                "responseCode": attempt.code,
                "durationMs": attempt.milliseconds,
                "error": attempt.error,
            }
            for attempt in delivery.tries
        ],
        "body": delivery.body,
        "createdAt": resource_views.format_optional_moment(delivery.created_at),
        "updatedAt": resource_views.format_optional_moment(delivery.updated_at),
    }


@routes.add_route("GET", "/api/webhooks", scope=Scope.ADMIN)
def list_endpoints() -> Answer[responses.WebhookList]:
    """List the webhook endpoints, oldest first, with the health of each."""
    all_endpoints = configuration.list_endpoints(wiring.get_world())
    return json_answer(
        {"webhooks": [endpoint_view(endpoint) for endpoint in all_endpoints], "nextCursor": None}
    )


@routes.add_route(
    "POST",
    "/api/webhooks",
    scope=Scope.ADMIN,
    action="webhook.create",
    body="WebhookFields",
    status=201,
)
def create_endpoint() -> Answer[responses.NewWebhookAnswer]:
    """Create a webhook endpoint; its secret is returned only here."""
    endpoint_request = requests.parse_request(
        requests.WebhookFields, json_body(routes.current_request)
    )
    endpoint, secret = endpoints.create_endpoint(
        wiring.get_world(),
        endpoint_request.url,
        events=endpoint_request.events,
        description=endpoint_request.description,
        enabled=endpoint_request.enabled,
        claim=idempotency_claim(routes.current_request, ""),
    )
    return json_answer({"webhook": endpoint_view(endpoint), "secret": secret}, 201)


@routes.add_route("GET", "/api/webhooks/{webhook_id}", scope=Scope.ADMIN)
def show_endpoint(webhook_id: str) -> Answer[responses.WebhookAnswer]:
    """Return a webhook endpoint with its health."""
    endpoint = configuration.get_endpoint(wiring.get_world(), parse_id("webhook", webhook_id))
    return json_answer({"webhook": endpoint_view(endpoint)})


@routes.add_route(
    "PATCH",
    "/api/webhooks/{webhook_id}",
    scope=Scope.ADMIN,
    action="webhook.update",
    body="WebhookPatch",
)
def edit_endpoint(webhook_id: str) -> Answer[responses.WebhookAnswer]:
    """Change or pause a webhook endpoint, or re-enable a disabled one."""
    endpoint_request = requests.parse_request(
        requests.WebhookPatch, json_body(routes.current_request)
    )
    endpoint = endpoints.change_endpoint(
        wiring.get_world(),
        parse_id("webhook", webhook_id),
        url=endpoint_request.url,
        events=endpoint_request.events,
        description=endpoint_request.description,
        enabled=endpoint_request.enabled,
    )
    return json_answer({"webhook": endpoint_view(endpoint)})


@routes.add_route(
    "DELETE", "/api/webhooks/{webhook_id}", scope=Scope.ADMIN, action="webhook.remove", status=204
)
def remove_endpoint(webhook_id: str) -> Answer[None]:
    """Delete a webhook endpoint; its pending messages are not sent."""
    endpoints.remove_endpoint(wiring.get_world(), parse_id("webhook", webhook_id))
    return json_answer(None, 204)


@routes.add_route(
    "POST",
    "/api/webhooks/{webhook_id}/rotate-secret",
    scope=Scope.ADMIN,
    action="webhook.rotate-secret",
)
def rotate_secret(webhook_id: str) -> Answer[responses.NewWebhookAnswer]:
    """Create a new secret, returned only here; messages are also signed with the previous one."""
    endpoint, secret = endpoints.rotate_secret(wiring.get_world(), parse_id("webhook", webhook_id))
    return json_answer({"webhook": endpoint_view(endpoint), "secret": secret})


@routes.add_route(
    "POST", "/api/webhooks/{webhook_id}/test", scope=Scope.ADMIN, action="webhook.test"
)
def send_test(webhook_id: str) -> Answer[responses.DeliveryAnswer]:
    """Send one test message now and return the result of its delivery."""
    sent = endpoints.send_test(wiring.get_world(), parse_id("webhook", webhook_id))
    return json_answer({"delivery": delivery_view(sent)})


@routes.add_route(
    "GET", "/api/webhooks/{webhook_id}/deliveries", scope=Scope.ADMIN, query=PAGE_PARAMETERS
)
def list_deliveries(webhook_id: str) -> Answer[responses.DeliveryList]:
    """List the deliveries to a webhook endpoint, newest first, with the result of each attempt."""
    request = routes.current_request
    before = page_cursor(request)
    deliveries, position = endpoints.list_deliveries(
        wiring.get_world(), parse_id("webhook", webhook_id), before, page_limit(request)
    )
    shown = [delivery_view(delivery) for delivery in deliveries]
    return json_answer({"deliveries": shown, "nextCursor": encode_cursor(position)})
