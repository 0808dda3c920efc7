"""Routes of forge events, verified over their raw bytes; they only cause an early check."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import inbound_verification
from chalicelib.actions.pull_requests import forge_events
from chalicelib.domain.errors import InvalidSignature
from chalicelib.domain.pull_requests.forge import WEBHOOK_SECRET_NAMES
from chalicelib.domain.triggers import webhook_body, webhook_events
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.web.api.hooks import check_flood, delivery_of
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route("POST", "/api/webhooks/github", scope=None, status=202)
def receive_github_event() -> Answer[responses.Hinted]:
    """Accept a signed event of GitHub; its pull requests and tickets are checked immediately."""
    return _receive_event("github")


@routes.add_route("POST", "/api/webhooks/linear", scope=None, status=200)
def receive_linear_event() -> Answer[responses.Hinted]:
    """Accept a signed event of Linear; its tickets are synced immediately."""
    return _receive_event("linear")


@routes.add_route("POST", "/api/webhooks/jira", scope=None, status=202)
def receive_jira_event() -> Answer[responses.Hinted]:
    """Accept a signed event of Jira; its tickets are synced immediately."""
    return _receive_event("jira")


def _receive_event(source: str) -> Answer[responses.Hinted]:
    # A webhook's path has no space, so the names differ. Reading the secret costs a call.
    check_flood(f"hints of {source}")
    world, delivery = wiring.get_world(), delivery_of(routes.current_request)
    secret, sender = forge_credentials.forge_webhook_secret(world, source), SENDERS[source]
    if secret is None:
        name = WEBHOOK_SECRET_NAMES[source]
        raise InvalidSignature(f"the secret to verify this is not saved: PUT /api/secrets/{name}")
    inbound_verification.check_signature(world, source, delivery, [secret])
    payload = webhook_body.read_payload(sender, delivery)
    inbound_verification.check_age(world, sender, payload)
    names = webhook_events.event_names(sender, delivery, payload)
    event = delivery.first_header(*sender.event_headers) or min(names, default="")
    taken = (
        forge_events.handle_forge_event(world, source, event, payload)
        if isinstance(payload, dict)
        else []
    )
    return json_answer({"event": event, "looking": taken}, sender.success_status)
