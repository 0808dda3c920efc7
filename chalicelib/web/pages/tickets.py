"""The ticket providers with their health, and the form to add or edit one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.tickets import providers
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.tickets.provider import COMMENT_FIELDS, config_fields
from chalicelib.domain.tickets.ticket import TICKET_SOURCES
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.mapping import configuration_requests
from chalicelib.web.pages.contexts import providers as contexts
from chalicelib.web.pages.contexts.base import title_form
from chalicelib.web.pages.contexts.labels import SOURCE_LABELS
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests


def list_providers(visit: PageRequest) -> Response:
    """Show the providers, and the form to add one or to edit the selected one."""
    if visit.query_param("part"):
        shown = contexts.draw_provider_listing(configuration.list_providers(wiring.get_world()))
        return visit.show_part(contexts.ProviderListPart(listing=shown))
    return _render_page(visit, None)


def _render_page(visit: PageRequest, error: DomainError | None) -> Response:
    world = wiring.get_world()
    all_providers = configuration.list_providers(world)
    chosen = visit.form.get("id") or visit.query_param("edit")
    editing = configuration.get_provider(world, parse_id("provider", chosen)) if chosen else None
    saved = {"source": visit.query_param("source") or "github"}
    if editing:
        saved = {"name": editing.name, **editing.config}
    page = contexts.ProviderListPage(
        form=visit.form_state(error, saved),
        notice=visit.notice,
        listing=contexts.draw_provider_listing(all_providers),
        sources=list(SOURCE_LABELS.items()),
        editing_id=editing.id if editing else "",
        form_title=title_form(editing.name if editing else None, "Add a ticket provider"),
    )
    return visit.show_form(page, error)


def save_provider(visit: PageRequest) -> Response:
    """Add, rename, pause, resume or remove a provider, or give it another credential."""
    button, chosen = visit.form.get("do", ""), visit.form.get("id", "")
    try:
        if button == "delete":
            providers.remove_provider(wiring.get_world(), parse_id("provider", chosen))
            return visit.redirect_to("tickets", done="deleted")
        if chosen or button:
            return visit.redirect_to(
                "tickets", done=_change_provider(visit, parse_id("provider", chosen), button)
            )
        _add_provider(visit)
    except (Invalid, Conflict) as error:
        return _render_page(visit, error)
    return visit.redirect_to("tickets", done="provider-added")


def _change_provider(visit: PageRequest, provider_id: str, button: str) -> str:
    world, form = wiring.get_world(), visit.form
    was = configuration.get_provider(world, provider_id)
    if button in ("pause", "resume"):
        providers.change_provider(world, was, replace(was, enabled=button == "resume"))
        return f"provider-{button}d"
    body: dict[str, object] = {
        name: form[name] for name in ("name", "credential") if form.get(name, "").strip()
    }
    tracker_config = {name: text for name, text in was.config.items() if name not in COMMENT_FIELDS}
    body["config"] = {**tracker_config, **_named_fields(form, COMMENT_FIELDS)}
    provider_request = requests.parse_request(requests.ProviderPatch, body, current=was)
    providers.change_provider(
        world,
        was,
        configuration_requests.patch_provider(was, provider_request),
        provider_request.credential,
    )
    return "saved"


def _add_provider(visit: PageRequest) -> None:
    world, form = wiring.get_world(), visit.form
    source = form.get("source", "")
    field_names = config_fields(source) if source in TICKET_SOURCES else ()
    body: dict[str, object] = {"source": source, "credential": form.get("credential", "")}
    body["config"] = _named_fields(form, field_names)
    if form.get("name", "").strip():
        body["name"] = form["name"]
    provider_request = requests.parse_request(requests.NewProvider, body)
    new = configuration_requests.to_provider(provider_request, world.now())
    provider = providers.create_provider(
        world, new, provider_request.credential, visit.form_claim(new.id)
    )
    audit.note_created(provider.id, provider.name)


def _named_fields(form: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: form[name] for name in names if form.get(name, "").strip()}


def sync_providers(visit: PageRequest) -> Response:
    """Request an immediate sync of every provider."""
    count = providers.sync_now(wiring.get_world())
    return visit.redirect_to("tickets", done="synced" if count else "synced-none")


def enable_provider(visit: PageRequest, provider_id: str) -> Response:
    """Re-enable a disabled provider."""
    providers.enable_provider(wiring.get_world(), parse_id("provider", provider_id))
    return visit.redirect_to("tickets", done="provider-resumed")
