"""Routes of forge events, verified over their raw bytes; they only cause an early check."""

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
    """Accept a signed event of GitHub; its pull requests and tickets are checked immediately."""
    return _taken("github")


@routes.at("POST", "/api/webhooks/linear", needs=None, status=200)
def linear() -> Answer[answers.Hinted]:
    """Accept a signed event of Linear; its tickets are synced immediately."""
    return _taken("linear")


@routes.at("POST", "/api/webhooks/jira", needs=None, status=202)
def jira() -> Answer[answers.Hinted]:
    """Accept a signed event of Jira; its tickets are synced immediately."""
    return _taken("jira")


def _taken(source: str) -> Answer[answers.Hinted]:
    # A webhook's path has no space, so the names differ. Reading the secret costs a call.
    check_flood(f"hints of {source}")
    world, delivery = wiring.world(), delivery_of(routes.current_request)
    secret, sender = credentials.hook_secret(world, source), SENDERS[source]
    if secret is None:
        name = HOOK_SECRETS[source]
        raise Unsigned(f"the secret to verify this is not saved: PUT /api/secrets/{name}")
    inbound_verification.check_signature(world, source, delivery, [secret])
    payload = webhook_body.read_payload(sender, delivery)
    inbound_verification.check_age(world, sender, payload)
    names = webhook_events.event_names(sender, delivery, payload)
    event = delivery.header(*sender.event_headers) or min(names, default="")
    taken = hints.take(world, source, event, payload) if isinstance(payload, dict) else []
    return answer({"event": event, "looking": taken}, sender.success_status)
