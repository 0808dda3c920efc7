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


def provider_view(provider: TicketProvider) -> responses.ProviderView:
    """Return a ticket provider in the form of the API, with its health."""
    return {
        "id": provider.id,
        "name": provider.name,
        "source": provider.source,
        "config": provider.config,
        "hasCredential": True,
        "enabled": provider.enabled,
        "disabledReason": provider.disabled_reason,
        "failures": provider.failed_syncs,
        "lastError": provider.last_error,
        "lastSyncedAt": resource_views.format_optional_moment(provider.last_synced_at),
        "nextSyncAt": resource_views.format_optional_moment(provider.due_at),
        "progress": _progress_view(provider),
        "createdAt": resource_views.format_optional_moment(provider.created_at),
        "updatedAt": resource_views.format_optional_moment(provider.updated_at),
    }


def _progress_view(provider: TicketProvider) -> responses.ProgressView | None:
    listing = provider.long_listing
    if listing is None:
        return None
    return {
        "reading": "backlog" if listing is provider.look else "changes",
        "tickets": listing.count,
        "startedAt": resource_views.format_optional_moment(listing.began_at),
    }


@routes.add_route("GET", "/api/tickets/providers", scope=Scope.READ)
def list_providers() -> Answer[responses.ProviderList]:
    """List the ticket providers, with the health of each."""
    all_providers = configuration.list_providers(wiring.get_world())
    return json_answer(
        {"providers": [provider_view(provider) for provider in all_providers], "nextCursor": None}
    )


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
    provider_request = requests.parse_request(requests.NewProvider, json_body(request))
    new = configuration_requests.to_provider(provider_request, world.now())
    provider = providers.create_provider(
        world, new, provider_request.credential, idempotency_claim(request, new.id)
    )
    return json_answer({"provider": provider_view(provider)}, 201)


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
    provider = providers.enable_provider(wiring.get_world(), parse_id("provider", provider_id))
    return json_answer({"provider": provider_view(provider)})


@routes.add_route("POST", "/api/tickets/sync", scope=Scope.RUN, action="provider.sync", status=202)
def sync_providers() -> Answer[responses.Accepted]:
    """Sync every enabled ticket provider now."""
    return json_answer({"accepted": providers.sync_now(wiring.get_world())}, 202)
