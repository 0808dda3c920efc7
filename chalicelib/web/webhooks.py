"""The forge's own webhook comes in: verified over its raw bytes, then taken as a hint."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import credentials, hints, hooks
from chalicelib.domain import hook
from chalicelib.domain.errors import Unsigned
from chalicelib.domain.forge import HOOK_SECRET
from chalicelib.domain.hook import PRESETS, Delivery
from chalicelib.web.http import LARGEST_BODY, Routes, TooLarge, answer, raw_of

routes = Routes(__name__)


@routes.at("POST", "/api/webhooks/github", needs=None, status=202)
def github() -> Response:
    """Take a signed delivery of GitHub: what it is about is looked at once."""
    world = wiring.world()
    request = routes.current_request
    body = raw_of(request)
    if len(body) > LARGEST_BODY:
        raise TooLarge("a delivery holds at most 1 MiB")
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    delivery = Delivery(headers=headers, body=body)
    secret = credentials.hook_secret(world)
    if secret is None:
        raise Unsigned(f"no secret is kept to verify this: PUT /api/secrets/{HOOK_SECRET}")
    if not hook.believed(PRESETS["github"], delivery, [secret], world.now()):
        world.metrics.rejected("signature")
        raise Unsigned("the signature is missing or wrong (X-Hub-Signature-256)")
    payload = hooks.parsed(delivery, PRESETS["github"])
    event = delivery.header("x-github-event")
    taken = hints.take(world, "github", event, payload) if isinstance(payload, dict) else []
    return answer({"event": event, "looking": taken}, 202)
