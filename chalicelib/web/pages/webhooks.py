"""The webhook endpoints, their secrets (each shown once) and their deliveries."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.notifications import endpoints
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.notifications.endpoint import DEFAULT_EVENTS, WebhookEndpoint
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts import endpoints as contexts
from chalicelib.web.pages.form import SubmittedForm
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests

PAGE_SIZE = 20


def list_endpoints(visit: PageRequest) -> Response:
    """List the webhook endpoints, and show the form to add one."""
    return _render_list(visit, None)


def _render_list(visit: PageRequest, error: DomainError | None) -> Response:
    chosen = visit.lists.get("events", []) if error else list(DEFAULT_EVENTS)
    all_endpoints = configuration.list_endpoints(wiring.get_world())
    page = contexts.EndpointListPage(
        form=visit.form_state(error, {}),
        notice=visit.notice,
        endpoints=[contexts.draw_endpoint(endpoint) for endpoint in all_endpoints],
        events=contexts.list_event_choices(chosen),
    )
    return visit.show_form(page, error)


def create_endpoint(visit: PageRequest) -> Response:
    """Create a webhook endpoint; only this response shows its secret."""
    submitted = visit.submitted_form
    body = {
        "url": submitted.read_text("url"),
        "description": submitted.read_text("description"),
        "events": _ticked_events(visit, submitted),
    }
    try:
        endpoint_request = requests.parse_request(
            requests.WebhookFields, body, extra_faults=submitted.faults
        )
        endpoint, secret = endpoints.create_endpoint(
            wiring.get_world(),
            endpoint_request.url,
            events=endpoint_request.events,
            description=endpoint_request.description,
            claim=visit.form_claim(),
        )
    except (Invalid, Conflict) as error:
        return _render_list(visit, error)
    audit.note_created(endpoint.id, endpoint.address)
    return _render_page(visit, endpoint, None, secret)


def _ticked_events(visit: PageRequest, submitted: SubmittedForm) -> list[str]:
    """Return the selected events. An empty list means the default events only in the API."""
    ticked = visit.lists.get("events", [])
    if not ticked:
        submitted.add_fault("events", "select at least one event")
    return ticked


def show_endpoint(visit: PageRequest, webhook_id: str) -> Response:
    """Show a webhook endpoint with its deliveries."""
    endpoint = configuration.get_endpoint(wiring.get_world(), parse_id("webhook", webhook_id))
    return _render_page(visit, endpoint, None)


def _render_page(
    visit: PageRequest, webhook: WebhookEndpoint, error: DomainError | None, secret: str = ""
) -> Response:
    before = visit.list_position
    sent, position = endpoints.list_deliveries(wiring.get_world(), webhook.id, before, PAGE_SIZE)
    chosen = visit.lists.get("events", []) if error else list(webhook.events)
    page = contexts.EndpointPage(
        form=visit.form_state(error, {"description": webhook.description}),
        notice=visit.notice,
        endpoint=contexts.draw_endpoint(webhook),
        events=contexts.list_event_choices(chosen),
        deliveries=[contexts.draw_delivery(delivery) for delivery in sent],
        older_url=visit.link_older(position, "settings", "webhooks", webhook.id),
        secret=secret,
    )
    return visit.show_form(page, error)


def act_on_endpoint(visit: PageRequest, webhook_id: str) -> Response:
    """Run the action of the pressed button."""
    world, key = wiring.get_world(), parse_id("webhook", webhook_id)
    button = visit.form.get("do", "")
    try:
        if button == "rotate":
            endpoint, secret = endpoints.rotate_secret(world, key)
            return _render_page(visit, endpoint, None, secret)
        if button == "delete":
            endpoints.remove_endpoint(world, key)
            return visit.redirect_to("settings", "webhooks", done="deleted")
        return visit.redirect_to(
            "settings", "webhooks", key, done=_perform_action(visit, key, button)
        )
    except (Invalid, Conflict) as error:
        return _render_page(visit, configuration.get_endpoint(world, key), error)


def _perform_action(visit: PageRequest, key: str, button: str) -> str:
    world, submitted = wiring.get_world(), visit.submitted_form
    if button == "test":
        return f"test-{endpoints.send_test(world, key).standing}"
    if button in ("pause", "resume"):
        endpoints.change_endpoint(world, key, enabled=button == "resume")
        return f"webhook-{button}d"
    body: dict[str, object] = {"description": submitted.read_text("description")}
    if submitted.read_text("url"):
        body["url"] = submitted.read_text("url")
    body["events"] = _ticked_events(visit, submitted)
    endpoint_request = requests.parse_request(
        requests.WebhookPatch, body, extra_faults=submitted.faults
    )
    fields = {
        "url": endpoint_request.url,
        "events": endpoint_request.events,
        "description": endpoint_request.description,
    }
    endpoints.change_endpoint(world, key, **fields)  # type: ignore[arg-type]
    return "saved"
