"""Triggers and the ledger over HTTP."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import definitions, explaining, save_warnings
from chalicelib.domain.access import Scope
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import moment_text
from chalicelib.domain.trigger import Trigger
from chalicelib.web import answers, queries, reading, views
from chalicelib.web.api.tasks import definition_of
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    caller,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
    query,
)

routes = Routes(__name__)


def _shown(trigger: Trigger) -> answers.TriggerView:
    """Return a trigger; webhooks and tickets take their last firing from the ledger."""
    world = wiring.world()
    view = views.trigger(trigger, world.now())
    if trigger.hook is None and trigger.ticket is None:
        return view
    newest, _ = world.firings.of_trigger(trigger.id, None, 20)
    fired = (firing.fired_at for firing in newest if firing.run_id)
    view["lastFiredAt"] = views.moment(next(fired, None))
    offered = trigger.hook and trigger.hook.offered and not trigger.hook.sealed
    if trigger.hook and trigger.hook.offered and offered and caller().may(Scope.ADMIN):
        # Anyone may have sent this token, so an admin must check it before saving it as the secret.
        token = world.seals.open(trigger.hook.offered, trigger.id)
        view["config"] = {**views.hook(trigger.hook), "verificationToken": token}
    return view


@routes.at("GET", "/api/tasks/{task_id}/triggers", needs=Scope.READ)
def index(task_id: str) -> Answer[answers.TriggerList]:
    """List the triggers of a blueprint, and the warnings about the blueprint and its triggers."""
    world = wiring.world()
    owner = definition_of(task_id)
    found = world.triggers.of(owner)
    warnings = views.warnings(save_warnings.find_warnings(world, owner, found))
    return answer({"triggers": [_shown(trigger) for trigger in found], "warnings": warnings})


def _saved(owner: Blueprint, trigger: Trigger) -> answers.TriggerAnswer:
    warnings = save_warnings.find_trigger_warnings(wiring.world(), owner, trigger)
    return {"trigger": _shown(trigger), "warnings": views.warnings(warnings)}


@routes.at(
    "POST", "/api/tasks/{task_id}/triggers", needs=Scope.WRITE, takes="AnyTrigger", status=201
)
def create(task_id: str) -> Answer[answers.TriggerAnswer]:
    """Add a trigger to a blueprint."""
    world = wiring.world()
    request = routes.current_request
    owner = definition_of(task_id)
    new = reading.trigger_from(body_of(request), owner, world.now())
    kept = definitions.add_trigger(world, new, claim_of(request, new.id))
    return answer(_saved(owner, kept), 201)


@routes.at(
    "PATCH", "/api/tasks/{task_id}/triggers/{trigger_id}", needs=Scope.WRITE, takes="TriggerPatch"
)
def edit(task_id: str, trigger_id: str) -> Answer[answers.TriggerAnswer]:
    """Change or pause a trigger."""
    world = wiring.world()
    owner = definition_of(task_id)
    was = definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))
    new = reading.patched_trigger(was, body_of(routes.current_request), owner)
    kept = definitions.change_trigger(world, was, new)
    return answer(_saved(owner, kept))


@routes.at("DELETE", "/api/tasks/{task_id}/triggers/{trigger_id}", needs=Scope.WRITE, status=204)
def remove(task_id: str, trigger_id: str) -> Answer[None]:
    """Delete a trigger; its ledger stays."""
    world = wiring.world()
    owner = definition_of(task_id)
    old = definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))
    definitions.remove_trigger(world, old)
    return answer(None, 204)


@routes.at("GET", "/api/tasks/{task_id}/firings", needs=Scope.READ, query=PAGE)
def firings(task_id: str) -> Answer[answers.FiringList]:
    """List the firings of a blueprint, newest first."""
    request = routes.current_request
    owner = definition_of(task_id)
    found, position = wiring.world().firings.of_definition(
        owner.id, cursor_of(request), limit_of(request)
    )
    shown = views.firings(wiring.world(), found)
    return answer({"firings": shown, "nextCursor": encode_cursor(position)})


@routes.at(
    "GET", "/api/tasks/{task_id}/triggers/{trigger_id}/firings", needs=Scope.READ, query=PAGE
)
def firings_of(task_id: str, trigger_id: str) -> Answer[answers.FiringList]:
    """List the firings of a trigger, newest first."""
    request = routes.current_request
    trigger_id = known_id("trigger", trigger_id)
    owner = definition_of(task_id)
    found, position = wiring.world().firings.of_trigger(
        trigger_id, cursor_of(request), limit_of(request)
    )
    # The trigger itself may be deleted; its firings still name its blueprint.
    if any(firing.definition_id != owner.id for firing in found):
        raise NotFound("trigger", trigger_id)
    shown = views.firings(wiring.world(), found)
    return answer({"firings": shown, "nextCursor": encode_cursor(position)})


@routes.at(
    "GET", "/api/tasks/{task_id}/triggers/{trigger_id}/explain", needs=Scope.READ, query=("at",)
)
def explain(task_id: str, trigger_id: str) -> Answer[answers.Explanation]:
    """Explain in one sentence why a trigger did or did not fire at a given time."""
    world = wiring.world()
    owner = definition_of(task_id)
    trigger = definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))
    at = queries.moment(query(routes.current_request, "at", moment_text(world.now())))
    said, firing = explaining.explain(world, owner, trigger, at)
    return answer({"answer": said, "firing": views.firing(firing) if firing else None})
