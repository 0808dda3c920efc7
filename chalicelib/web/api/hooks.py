"""Routes of inbound webhooks. A delivery is verified and recorded before the response."""

from __future__ import annotations

import re
from functools import cache

from chalice.app import Request

from chalicelib import wiring
from chalicelib.actions.firing import inbound_webhooks
from chalicelib.domain import limits
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.errors import Invalid, RateLimited, TooLarge
from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.settings import settings
from chalicelib.web.http.rate_limit import TokenBuckets
from chalicelib.web.http.requests import raw_body
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.schemas import responses

routes = Routes(__name__)
ORIGIN_PATTERN = re.compile(r"[A-Za-z0-9.-]{1,253}")


@cache
def _token_buckets() -> TokenBuckets:
    return TokenBuckets(settings.webhook_rate_per_second)


def check_flood(name: str) -> None:
    """Raise `RateLimited` if a name exceeds its rate, before the request causes any cost."""
    world = wiring.get_world()
    wait = _token_buckets().take_token(name, world.now())
    if wait:
        world.metrics.count_rejection("flood")
        raise RateLimited(wait)


def delivery_of(request: Request) -> InboundDelivery:
    """Return the delivery of a request with its exact bytes; raise `TooLarge` above 1 MiB."""
    body = raw_body(request)
    if len(body) > limits.MAX_BODY_BYTES:
        raise TooLarge("a delivery must not be larger than 1 MiB")
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    return InboundDelivery(headers=headers, body=body)


@routes.add_route("POST", "/api/hooks/{path}", scope=None, status=202, alt_status=200)
def receive_delivery(path: str) -> Answer[responses.Told | responses.Handshake]:
    """Accept a delivery with the signature that its trigger expects."""
    check_flood(path)
    received = inbound_webhooks.receive_delivery(
        wiring.get_world(), path, delivery_of(routes.current_request)
    )
    if received.firing is None:
        return json_answer(dict(received.handshake or {}))
    return firing_response(
        received.firing,
        received.blueprint_kind,
        duplicate=received.duplicate,
        status=received.success_status,
    )


@routes.add_route("OPTIONS", "/api/hooks/{path}", scope=None)
def allow_origin(path: str) -> Answer[None]:
    """Allow a sender to deliver, as CloudEvents asks with `WebHook-Request-Origin`."""
    check_flood(path)
    inbound_webhooks.allow_origin(wiring.get_world(), path)
    allowed = json_answer(None)
    allowed.headers["Allow"] = "POST"
    request = routes.current_request
    origin = str(request.headers.get("webhook-request-origin") or "").strip()
    if not ORIGIN_PATTERN.fullmatch(origin):
        raise Invalid("must be the host name of the sender", "WebHook-Request-Origin")
    allowed.headers["WebHook-Allowed-Origin"] = origin
    allowed.headers["WebHook-Allowed-Rate"] = "*"
    return allowed


def firing_response(
    firing: Firing, kind: str, *, duplicate: bool = False, status: int = 202
) -> Answer[responses.Told]:
    """Return the response for a firing: its run, or the reason why there is none.

    `status` is the status of a firing that started a run.
    """
    body: responses.Told = {"firingId": firing.id}
    if firing.run_id:
        body["runId" if kind == Kind.STANDALONE.value else "taskId"] = firing.run_id
    if duplicate:
        return json_answer({"skipped": "duplicate", **body})
    if firing.outcome is not Outcome.FIRED:
        return json_answer({"skipped": firing.reason, **body})
    return json_answer(body, status)
