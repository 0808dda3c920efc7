"""The webhook endpoints, their secrets (each shown once) and their deliveries."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import webhooks
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.notice import Event
from chalicelib.domain.webhook import USUAL, Webhook
from chalicelib.web import audit, models
from chalicelib.web.http import known_id
from chalicelib.web.pages.typed import Typed
from chalicelib.web.pages.visit import Visit

EVENTS = tuple(event for event in Event if event is not Event.TEST)
PAGE = 20


def index(visit: Visit) -> Response:
    """List the webhook endpoints, and show the form to add one."""
    return _list(visit, None)


def _list(visit: Visit, error: DomainError | None) -> Response:
    return visit.form_page(
        "webhooks.html",
        error,
        {},
        found=wiring.world().webhooks.all(),
        events=EVENTS,
        chosen=visit.lists.get("events", []) if error else list(USUAL),
    )


def create(visit: Visit) -> Response:
    """Create a webhook endpoint; only this response shows its secret."""
    typed = visit.typed
    body = {
        "url": typed.text("url"),
        "description": typed.text("description"),
        "events": _events(visit, typed),
    }
    try:
        asked = models.parsed(models.WebhookFields, body, besides=typed.faults)
        made, secret = webhooks.create(
            wiring.world(),
            asked.url,
            events=asked.events,
            description=asked.description,
            claim=visit.once(),
        )
    except (Invalid, Conflict) as error:
        return _list(visit, error)
    audit.made(made.id, made.address)
    return _page(visit, made, None, secret)


def _events(visit: Visit, typed: Typed) -> list[str]:
    """Return the selected events. An empty list means the default events only in the API."""
    ticked = visit.lists.get("events", [])
    if not ticked:
        typed.blame("events", "select at least one event")
    return ticked


def show(visit: Visit, webhook_id: str) -> Response:
    """Show a webhook endpoint with its deliveries."""
    return _page(visit, wiring.world().webhooks.get(known_id("webhook", webhook_id)), None)


def _page(visit: Visit, webhook: Webhook, error: DomainError | None, secret: str = "") -> Response:
    before = visit.position
    sent, position = webhooks.deliveries_of(wiring.world(), webhook.id, before, PAGE)
    return visit.form_page(
        "webhook.html",
        error,
        {"description": webhook.description},
        webhook=webhook,
        sent=sent,
        position=position,
        secret=secret,
        events=EVENTS,
        chosen=visit.lists.get("events", []) if error else list(webhook.events),
    )


def act(visit: Visit, webhook_id: str) -> Response:
    """Run the action of the pressed button."""
    world, key = wiring.world(), known_id("webhook", webhook_id)
    wanted = visit.form.get("do", "")
    try:
        if wanted == "rotate":
            kept, secret = webhooks.rotate(world, key)
            return _page(visit, kept, None, secret)
        if wanted == "delete":
            webhooks.remove(world, key)
            return visit.go("settings", "webhooks", done="deleted")
        return visit.go("settings", "webhooks", key, done=_done(visit, key, wanted))
    except (Invalid, Conflict) as error:
        return _page(visit, world.webhooks.get(key), error)


def _done(visit: Visit, key: str, wanted: str) -> str:
    world, typed = wiring.world(), visit.typed
    if wanted == "test":
        return f"test-{webhooks.test(world, key).standing}"
    if wanted in ("pause", "resume"):
        webhooks.change(world, key, enabled=wanted == "resume")
        return f"webhook-{wanted}d"
    body: dict[str, object] = {"description": typed.text("description")}
    if typed.text("url"):
        body["url"] = typed.text("url")
    body["events"] = _events(visit, typed)
    asked = models.parsed(models.WebhookPatch, body, besides=typed.faults)
    fields = {"url": asked.url, "events": asked.events, "description": asked.description}
    webhooks.change(world, key, **fields)  # type: ignore[arg-type]
    return "saved"
