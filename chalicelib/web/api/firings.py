"""Routes of single firings."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import redelivering
from chalicelib.domain.access import Scope
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Firing
from chalicelib.web import answers, views
from chalicelib.web.api.hooks import told
from chalicelib.web.http import Answer, Routes, answer, claim_of, known_id

routes = Routes(__name__)


@routes.at("GET", "/api/firings/{firing_id}", needs=Scope.READ)
def show(firing_id: str) -> Answer[answers.FiringAnswer]:
    """Return a firing with its params and its payload."""
    store = wiring.world().firings
    firing = store.get(known_id("firing", firing_id))
    return answer({"firing": views.whole_firing(firing, store.brief(firing.id))})


@routes.at("POST", "/api/firings/{firing_id}/redeliver", needs=Scope.RUN, status=202, or_else=200)
def redeliver(firing_id: str) -> Answer[answers.Told]:
    """Fire the stored occurrence again with the current configuration."""
    claim = claim_of(routes.current_request, "")
    world = wiring.world()
    firing = redelivering.redeliver(world, known_id("firing", firing_id), claim)
    return told(firing, _kind(firing))


def _kind(firing: Firing) -> str:
    if firing.definition_id is None:
        return Kind.REPO_BLUEPRINT.value
    try:
        return wiring.world().blueprints.get(firing.definition_id).kind.value
    except NotFound:
        return Kind.REPO_BLUEPRINT.value
