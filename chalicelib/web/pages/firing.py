"""One firing of the ledger: its payload, params and outcome."""

from __future__ import annotations

import json

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import Brief, Firing
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.request import PageRequest


def show_firing(visit: PageRequest, task_id: str, firing_id: str) -> Response:
    """Show a firing with its params and its payload."""
    world = wiring.get_world()
    thing = world.blueprints.get(parse_id("task", task_id))
    firing = world.firings.get(parse_id("firing", firing_id))
    if firing.blueprint_id != thing.id:
        raise NotFound("firing", firing_id)
    brief = world.firings.get_brief(firing.id) or Brief()
    return visit.render_page(
        "firing.html",
        thing=thing,
        firing=firing,
        trigger=_find_trigger(thing, firing),
        run=next(iter(world.runs.get_many([firing.run_id])), None) if firing.run_id else None,
        params=json.loads(brief.params),
        payload=brief.payload,
    )


def _find_trigger(owner: Blueprint, firing: Firing) -> Trigger | None:
    """Return the trigger of a firing; None for a manual run or a deleted trigger."""
    if firing.trigger_id is None:
        return None
    try:
        return blueprints.get_trigger(wiring.get_world(), owner.id, firing.trigger_id)
    except NotFound:
        return None
