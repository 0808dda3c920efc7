"""One firing of the ledger: its payload, params and outcome."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import BlueprintId, FiringId
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts.firing import draw_firing_page
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import firings, tasks


def show_firing(visit: PageRequest, task_id: str, firing_id: str) -> Response:
    """Show a firing with its params and its payload."""
    world = wiring.get_world()
    blueprint = tasks.get_blueprint(world, BlueprintId(parse_id("task", task_id)))
    firing, stored_brief = firings.get_firing(world, FiringId(parse_id("firing", firing_id)))
    if firing.blueprint_id != blueprint.id:
        raise NotFound("firing", firing_id)
    trigger, run = firings.find_trigger(world, firing), firings.find_run(world, firing)
    return visit.show_page(
        draw_firing_page(blueprint, firing, stored_brief or Brief(), trigger, run)
    )
