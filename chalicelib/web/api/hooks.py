"""Routes of inbound webhooks. A delivery is verified and recorded before the response."""

from __future__ import annotations

import re
from functools import cache

from chalice.app import Request

from chalicelib import wiring
from chalicelib.actions import hooks
from chalicelib.domain import limits
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import Invalid, TooLarge, TooMany
from chalicelib.domain.firing import Firing, Outcome
from chalicelib.domain.webhook_signatures import Delivery
from chalicelib.settings import settings
from chalicelib.web import answers
from chalicelib.web.flood import Buckets
from chalicelib.web.http import Answer, Routes, answer, raw_of

routes = Routes(__name__)
ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,253}")


@cache
def _buckets() -> Buckets:
    return Buckets(settings.hook_rate)


def check_flood(name: str) -> None:
    """Raise `TooMany` if a name exceeds its rate, before the request causes any cost."""
    world = wiring.world()
    wait = _buckets().take(name, world.now())
    if wait:
        world.metrics.rejected("flood")
        raise TooMany(wait)


def delivery_of(request: Request) -> Delivery:
    """Return the delivery of a request with its exact bytes; raise `TooLarge` above 1 MiB."""
    body = raw_of(request)
    if len(body) > limits.BODY:
        raise TooLarge("a delivery must not be larger than 1 MiB")
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    is_base64 = bool(request.to_original_event().get("isBase64Encoded"))
    return Delivery(headers=headers, body=body, is_base64=is_base64)


@routes.at("POST", "/api/hooks/{path}", needs=None, status=202, or_else=200)
def receive(path: str) -> Answer[answers.Told | answers.Handshake]:
    """Accept a delivery with the signature that its trigger expects."""
    check_flood(path)
    received = hooks.receive(wiring.world(), path, delivery_of(routes.current_request))
    if received.firing is None:
        return answer(dict(received.handshake or {}))
    return told(
        received.firing,
        received.definition_kind,
        duplicate=received.duplicate,
        status=received.success_status,
    )


@routes.at("OPTIONS", "/api/hooks/{path}", needs=None)
def allow(path: str) -> Answer[None]:
    """Allow a sender to deliver, as CloudEvents asks with `WebHook-Request-Origin`."""
    check_flood(path)
    hooks.allow_origin(wiring.world(), path)
    allowed = answer(None)
    allowed.headers["Allow"] = "POST"
    request = routes.current_request
    origin = str(request.headers.get("webhook-request-origin") or "").strip()
    if not ORIGIN.fullmatch(origin):
        raise Invalid("must be the host name of the sender", "WebHook-Request-Origin")
    allowed.headers["WebHook-Allowed-Origin"] = origin
    allowed.headers["WebHook-Allowed-Rate"] = "*"
    return allowed


def told(
    firing: Firing, kind: str, *, duplicate: bool = False, status: int = 202
) -> Answer[answers.Told]:
    """Return the response for a firing: its run, or the reason why there is none.

    `status` is the status of a firing that started a run.
    """
    said: answers.Told = {"firingId": firing.id}
    if firing.run_id:
        said["runId" if kind == Kind.STANDALONE.value else "taskId"] = firing.run_id
    if duplicate:
        return answer({"skipped": "duplicate", **said})
    if firing.outcome is not Outcome.FIRED:
        return answer({"skipped": firing.reason, **said})
    return answer(said, status)
