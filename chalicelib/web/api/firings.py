"""Routes of single firings."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.firing import redelivery
from chalicelib.domain.access.key import Scope
from chalicelib.domain.ids import FiringId
from chalicelib.web.api.hooks import firing_response
from chalicelib.web.http.requests import idempotency_claim, parse_id
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import firing_views
from chalicelib.web.queries import firings
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route("GET", "/api/firings/{firing_id}", scope=Scope.READ)
def show_firing(firing_id: str) -> Answer[responses.FiringAnswer]:
    """Return a firing with its params and its payload."""
    firing, brief = firings.get_firing(wiring.get_world(), FiringId(parse_id("firing", firing_id)))
    return json_answer({"firing": firing_views.full_firing_view(firing, brief)})


@routes.add_route(
    "POST",
    "/api/firings/{firing_id}/redeliver",
    scope=Scope.RUN,
    action="firing.redeliver",
    status=202,
    alt_status=200,
)
def redeliver_firing(firing_id: str) -> Answer[responses.Told]:
    """Fire the stored occurrence again with the current configuration."""
    claim = idempotency_claim(routes.current_request, "")
    world = wiring.get_world()
    firing = redelivery.redeliver_firing(world, FiringId(parse_id("firing", firing_id)), claim)
    return firing_response(firing, firings.blueprint_kind(world, firing))
