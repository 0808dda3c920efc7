"""Routes of ticket providers. No route returns a credential."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import providers
from chalicelib.domain.access import Scope
from chalicelib.domain.provider import Provider
from chalicelib.web import answers, models, reading_settled, views
from chalicelib.web.http import Answer, Routes, answer, body_of, claim_of, known_id

routes = Routes(__name__)


def view(thing: Provider) -> answers.ProviderView:
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
        "lastSyncedAt": views.moment(thing.last_synced_at),
        "nextSyncAt": views.moment(thing.due_at),
        "progress": _progress(thing),
        "createdAt": views.moment(thing.created_at),
        "updatedAt": views.moment(thing.updated_at),
    }


def _progress(thing: Provider) -> answers.ProgressView | None:
    listing = thing.progress
    if listing is None:
        return None
    return {
        "reading": "backlog" if listing is thing.look else "changes",
        "tickets": listing.count,
        "startedAt": views.moment(listing.began_at),
    }


@routes.at("GET", "/api/tickets/providers", needs=Scope.READ)
def index() -> Answer[answers.ProviderList]:
    """List the ticket providers, with the health of each."""
    found = wiring.world().providers.all()
    return answer({"providers": [view(thing) for thing in found], "nextCursor": None})


@routes.at("POST", "/api/tickets/providers", needs=Scope.ADMIN, takes="NewProvider", status=201)
def create() -> Answer[answers.ProviderAnswer]:
    """Add a ticket provider; it is synced immediately and then every minute."""
    world, request = wiring.world(), routes.current_request
    asked = models.parsed(models.NewProvider, body_of(request))
    new = reading_settled.provider(asked, world.now())
    kept = providers.create(world, new, asked.credential, claim_of(request, new.id))
    return answer({"provider": view(kept)}, 201)


@routes.at(
    "PATCH", "/api/tickets/providers/{provider_id}", needs=Scope.ADMIN, takes="ProviderPatch"
)
def edit(provider_id: str) -> Answer[answers.ProviderAnswer]:
    """Rename or pause a ticket provider, or change its credential or its config."""
    world = wiring.world()
    was = world.providers.get(known_id("provider", provider_id))
    request = models.parsed(models.ProviderPatch, body_of(routes.current_request), was=was)
    new = reading_settled.patched_provider(was, request)
    return answer({"provider": view(providers.change(world, was, new, request.credential))})


@routes.at("DELETE", "/api/tickets/providers/{provider_id}", needs=Scope.ADMIN, status=204)
def remove(provider_id: str) -> Answer[None]:
    """Delete a ticket provider that no trigger names, and its credential."""
    providers.remove(wiring.world(), known_id("provider", provider_id))
    return answer(None, 204)


@routes.at("POST", "/api/tickets/providers/{provider_id}/re-enable", needs=Scope.WRITE)
def enable(provider_id: str) -> Answer[answers.ProviderAnswer]:
    """Re-enable a disabled ticket provider; tickets that changed since then fire now."""
    kept = providers.enable(wiring.world(), known_id("provider", provider_id))
    return answer({"provider": view(kept)})


@routes.at("POST", "/api/tickets/sync", needs=Scope.RUN, status=202)
def sync() -> Answer[answers.Accepted]:
    """Sync every enabled ticket provider now."""
    return answer({"accepted": providers.sync_now(wiring.world())}, 202)
