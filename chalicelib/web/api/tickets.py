"""Routes of ticket providers. No route returns a credential."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.tickets import providers
from chalicelib.domain.access.key import Scope
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.web.http.requests import idempotency_claim, json_body, parse_id
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import configuration_requests, resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


def provider_view(thing: TicketProvider) -> responses.ProviderView:
    """Return a ticket provider in the form of the API, with its health."""
    return {
        "id": thing.id,
        "name": thing.name,
        "source": thing.source,
        "config": thing.config,
        "hasCredential": True,
        "enabled": thing.enabled,
        "disabledReason": thing.disabled_reason,
        "failures": thing.failed_syncs,
        "lastError": thing.last_error,
        "lastSyncedAt": resource_views.format_optional_moment(thing.last_synced_at),
        "nextSyncAt": resource_views.format_optional_moment(thing.due_at),
        "progress": _progress_view(thing),
        "createdAt": resource_views.format_optional_moment(thing.created_at),
        "updatedAt": resource_views.format_optional_moment(thing.updated_at),
    }


def _progress_view(thing: TicketProvider) -> responses.ProgressView | None:
    listing = thing.long_listing
    if listing is None:
        return None
    return {
        "reading": "backlog" if listing is thing.look else "changes",
        "tickets": listing.count,
        "startedAt": resource_views.format_optional_moment(listing.began_at),
    }


@routes.add_route("GET", "/api/tickets/providers", scope=Scope.READ)
def list_providers() -> Answer[responses.ProviderList]:
    """List the ticket providers, with the health of each."""
    found = configuration.list_providers(wiring.get_world())
    return json_answer({"providers": [provider_view(thing) for thing in found], "nextCursor": None})


@routes.add_route(
    "POST",
    "/api/tickets/providers",
    scope=Scope.ADMIN,
    action="provider.create",
    body="NewProvider",
    status=201,
)
def create_provider() -> Answer[responses.ProviderAnswer]:
    """Add a ticket provider; it is synced immediately and then every minute."""
    world, request = wiring.get_world(), routes.current_request
    asked = requests.parse_request(requests.NewProvider, json_body(request))
    new = configuration_requests.to_provider(asked, world.now())
    kept = providers.create_provider(
        world, new, asked.credential, idempotency_claim(request, new.id)
    )
    return json_answer({"provider": provider_view(kept)}, 201)


@routes.add_route(
    "PATCH",
    "/api/tickets/providers/{provider_id}",
    scope=Scope.ADMIN,
    action="provider.update",
    body="ProviderPatch",
)
def edit_provider(provider_id: str) -> Answer[responses.ProviderAnswer]:
    """Rename or pause a ticket provider, or change its credential or its config."""
    world = wiring.get_world()
    was = configuration.get_provider(world, parse_id("provider", provider_id))
    request = requests.parse_request(
        requests.ProviderPatch, json_body(routes.current_request), current=was
    )
    new = configuration_requests.patch_provider(was, request)
    return json_answer(
        {"provider": provider_view(providers.change_provider(world, was, new, request.credential))}
    )


@routes.add_route(
    "DELETE",
    "/api/tickets/providers/{provider_id}",
    scope=Scope.ADMIN,
    action="provider.remove",
    status=204,
)
def remove_provider(provider_id: str) -> Answer[None]:
    """Delete a ticket provider that no trigger names, and its credential."""
    providers.remove_provider(wiring.get_world(), parse_id("provider", provider_id))
    return json_answer(None, 204)


@routes.add_route(
    "POST",
    "/api/tickets/providers/{provider_id}/re-enable",
    scope=Scope.WRITE,
    action="provider.re-enable",
)
def enable_provider(provider_id: str) -> Answer[responses.ProviderAnswer]:
    """Re-enable a disabled ticket provider; tickets that changed since then fire now."""
    kept = providers.enable_provider(wiring.get_world(), parse_id("provider", provider_id))
    return json_answer({"provider": provider_view(kept)})


@routes.add_route("POST", "/api/tickets/sync", scope=Scope.RUN, action="provider.sync", status=202)
def sync_providers() -> Answer[responses.Accepted]:
    """Sync every enabled ticket provider now."""
    return json_answer({"accepted": providers.sync_now(wiring.get_world())}, 202)
