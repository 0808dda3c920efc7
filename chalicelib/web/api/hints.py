"""Webhooks of forges and trackers themselves: verified over their raw bytes, taken as hints."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import credentials, hints, hooks
from chalicelib.domain import hook
from chalicelib.domain.errors import Unsigned
from chalicelib.domain.forge import HOOK_SECRETS
from chalicelib.domain.hook import PRESETS
from chalicelib.web import answers
from chalicelib.web.api.hooks import check_flood, delivery_of
from chalicelib.web.http import Answer, Routes, answer

routes = Routes(__name__)


@routes.at("POST", "/api/webhooks/github", needs=None, status=202)
def github() -> Answer[answers.Hinted]:
    """Take a signed delivery of GitHub: what it is about is looked at once."""
    return _taken("github")


@routes.at("POST", "/api/webhooks/linear", needs=None, status=202)
def linear() -> Answer[answers.Hinted]:
    """Take a signed delivery of Linear: its tickets are looked at once."""
    return _taken("linear")


@routes.at("POST", "/api/webhooks/jira", needs=None, status=202)
def jira() -> Answer[answers.Hinted]:
    """Take a signed delivery of Jira: its tickets are looked at once."""
    return _taken("jira")


def _taken(source: str) -> Answer[answers.Hinted]:
    # No path of a hook has a blank in it. What the signature is made with costs a call to read.
    check_flood(f"hints of {source}")
    world, delivery = wiring.world(), delivery_of(routes.current_request)
    secret, preset = credentials.hook_secret(world, source), PRESETS[source]
    if secret is None:
        name = HOOK_SECRETS[source]
        raise Unsigned(f"no secret is kept to verify this: PUT /api/secrets/{name}")
    if not hook.believed(preset, delivery, [secret], world.now()):
        world.metrics.rejected("signature")
        raise Unsigned(f"the signature is missing or wrong (as {source} signs)")
    payload = hooks.parsed(delivery, preset)
    if not hook.fresh(preset, payload, world.now()):
        raise Unsigned("this was sent too long ago")
    names = hook.event_names(preset, delivery, payload)
    event = delivery.header(*preset.event_headers) or min(names, default="")
    taken = hints.take(world, source, event, payload) if isinstance(payload, dict) else []
    return answer({"event": event, "looking": taken}, 202)
