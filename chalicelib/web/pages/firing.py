"""One firing of the ledger: what came, what was made of it, and why."""

from __future__ import annotations

import json

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Brief
from chalicelib.web.http import known_id
from chalicelib.web.pages.visit import Visit


def show(visit: Visit, task_id: str, firing_id: str) -> Response:
    """Show a firing with its params and the payload that came."""
    world = wiring.world()
    thing = world.blueprints.get(known_id("task", task_id))
    firing = world.firings.get(known_id("firing", firing_id))
    if firing.definition_id != thing.id:
        raise NotFound("firing", firing_id)
    brief = world.firings.brief(firing.id) or Brief()
    try:
        trigger = definitions.trigger_of(world, thing.id, firing.trigger_id or "")
    except NotFound:
        trigger = None
    return visit.page(
        "firing.html",
        thing=thing,
        firing=firing,
        trigger=trigger,
        params=json.loads(brief.params),
        payload=brief.payload,
    )
