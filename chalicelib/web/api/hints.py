"""Webhooks of forges and trackers themselves: verified over their raw bytes, taken as hints."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import credentials, hints, inbound_verification
from chalicelib.domain import webhook_body, webhook_events
from chalicelib.domain.errors import Unsigned
from chalicelib.domain.forge import HOOK_SECRETS
from chalicelib.domain.webhook_senders import SENDERS
from chalicelib.web import answers
from chalicelib.web.api.hooks import check_flood, delivery_of
from chalicelib.web.http import Answer, Routes, answer

routes = Routes(__name__)


@routes.at("POST", "/api/webhooks/github", needs=None, status=202)
def github() -> Answer[answers.Hinted]:
    """Take a signed delivery of GitHub: what it is about is looked at once."""
    return _taken("github")


@routes.at("POST", "/api/webhooks/linear", needs=None, status=200)
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
    secret, sender = credentials.hook_secret(world, source), SENDERS[source]
    if secret is None:
        name = HOOK_SECRETS[source]
        raise Unsigned(f"no secret is kept to verify this: PUT /api/secrets/{name}")
    inbound_verification.check_signature(world, source, delivery, [secret])
    payload = webhook_body.read_payload(sender, delivery)
    inbound_verification.check_age(world, sender, payload)
    names = webhook_events.event_names(sender, delivery, payload)
    event = delivery.header(*sender.event_headers) or min(names, default="")
    taken = hints.take(world, source, event, payload) if isinstance(payload, dict) else []
    return answer({"event": event, "looking": taken}, sender.success_status)
