"""Triggers and the ledger over HTTP."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions
from chalicelib.web import models, reading, views
from chalicelib.web.http import PAGE, Routes, answer, body_of, claim_of, known_id, limit_of, query
from chalicelib.web.tasks import definition_of

routes = Routes(__name__)


@routes.at("GET", "/api/tasks/{task_id}/triggers")
def index(task_id: str) -> Response:
    """List the triggers of a definition."""
    world = wiring.world()
    found = world.triggers.of(definition_of(task_id).id)
    return answer({"triggers": [views.trigger(trigger, world.now()) for trigger in found]})


@routes.at("POST", "/api/tasks/{task_id}/triggers", takes=models.AnyTrigger, status=201)
def create(task_id: str) -> Response:
    """Attach one more trigger to a definition."""
    world = wiring.world()
    request = routes.current_request
    new = reading.trigger_from(body_of(request), definition_of(task_id), world.now())
    kept = definitions.add_trigger(world, new, claim_of(request, new.id))
    return answer({"trigger": views.trigger(kept, world.now())}, 201)


@routes.at("PATCH", "/api/tasks/{task_id}/triggers/{trigger_id}", takes=models.TriggerPatch)
def edit(task_id: str, trigger_id: str) -> Response:
    """Change a trigger, or pause it."""
    world = wiring.world()
    owner = definition_of(task_id)
    was = definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))
    new = reading.patched_trigger(was, body_of(routes.current_request), owner)
    kept = definitions.change_trigger(world, was, new)
    return answer({"trigger": views.trigger(kept, world.now())})


@routes.at("DELETE", "/api/tasks/{task_id}/triggers/{trigger_id}", status=204)
def remove(task_id: str, trigger_id: str) -> Response:
    """Remove a trigger; its ledger stays."""
    world = wiring.world()
    owner = definition_of(task_id)
    old = definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))
    definitions.remove_trigger(world, old)
    return answer({}, 204)


@routes.at("GET", "/api/tasks/{task_id}/firings", query=PAGE)
def firings(task_id: str) -> Response:
    """List what became of every occurrence of a definition, newest first."""
    request = routes.current_request
    owner = definition_of(task_id)
    found, position = wiring.world().firings.of_definition(
        owner.id, query(request, "cursor") or None, limit_of(request)
    )
    return answer({"firings": [views.firing(thing) for thing in found], "nextCursor": position})


@routes.at("GET", "/api/tasks/{task_id}/triggers/{trigger_id}/firings", query=PAGE)
def firings_of(task_id: str, trigger_id: str) -> Response:
    """List what became of every occurrence of a trigger, newest first."""
    request = routes.current_request
    trigger_id = known_id("trigger", trigger_id)
    definition_of(task_id)
    found, position = wiring.world().firings.of_trigger(
        trigger_id, query(request, "cursor") or None, limit_of(request)
    )
    return answer({"firings": [views.firing(thing) for thing in found], "nextCursor": position})
