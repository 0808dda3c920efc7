"""One firing of the ledger: its payload, params and outcome."""

from __future__ import annotations

import json

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Brief, Firing
from chalicelib.domain.trigger import Trigger
from chalicelib.web.http import known_id
from chalicelib.web.pages.visit import Visit


def show(visit: Visit, task_id: str, firing_id: str) -> Response:
    """Show a firing with its params and its payload."""
    world = wiring.world()
    thing = world.blueprints.get(known_id("task", task_id))
    firing = world.firings.get(known_id("firing", firing_id))
    if firing.definition_id != thing.id:
        raise NotFound("firing", firing_id)
    brief = world.firings.brief(firing.id) or Brief()
    return visit.page(
        "firing.html",
        thing=thing,
        firing=firing,
        trigger=_trigger(thing, firing),
        run=next(iter(world.runs.several([firing.run_id])), None) if firing.run_id else None,
        params=json.loads(brief.params),
        payload=brief.payload,
    )


def _trigger(owner: Blueprint, firing: Firing) -> Trigger | None:
    """Return the trigger of a firing; None for a manual run or a deleted trigger."""
    if firing.trigger_id is None:
        return None
    try:
        return definitions.trigger_of(wiring.world(), owner.id, firing.trigger_id)
    except NotFound:
        return None
