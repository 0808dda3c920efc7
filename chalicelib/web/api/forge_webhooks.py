"""Routes of forge events, verified over their raw bytes; they only cause an early check."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.pull_requests import forge_events
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
    delivery = delivery_of(routes.current_request)
    event = forge_events.receive_event(wiring.get_world(), source, delivery)
    return json_answer({"event": event.name, "looking": [*event.run_ids]}, event.success_status)
