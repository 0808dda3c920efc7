"""Triggers and the ledger over HTTP."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints, save_warnings
from chalicelib.actions.firing import explain
from chalicelib.domain.access.key import Scope
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.ids import TriggerId, format_moment
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.web import task_requests
from chalicelib.web.api.tasks import get_blueprint
from chalicelib.web.http import query_params
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
    query_param,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import firing_views, resource_views
from chalicelib.web.queries import firings
from chalicelib.web.schemas import responses

routes = Routes(__name__)


def _may_see_token() -> bool:
    """Return whether the caller may see a token that anyone may have sent."""
    return current_caller().has_scope(Scope.ADMIN)


@routes.add_route("GET", "/api/tasks/{task_id}/triggers", scope=Scope.READ)
def list_triggers(task_id: str) -> Answer[responses.TriggerList]:
    """List the triggers of a blueprint, and the warnings about the blueprint and its triggers."""
    world = wiring.get_world()
    owner = get_blueprint(task_id)
    details_list = firings.list_triggers(world, owner, may_see_token=_may_see_token())
    warnings = save_warnings.find_warnings(
        world, owner, [details.trigger for details in details_list]
    )
    return json_answer(
        {
            "triggers": [
                resource_views.trigger_details_view(details, world.now())
                for details in details_list
            ],
            "warnings": resource_views.warning_views(warnings),
        }
    )


def _saved_answer(owner: Blueprint, trigger: Trigger) -> responses.TriggerAnswer:
    world = wiring.get_world()
    details = firings.read_trigger(world, trigger, may_see_token=_may_see_token())
    warnings = save_warnings.find_trigger_warnings(world, owner, trigger)
    return {
        "trigger": resource_views.trigger_details_view(details, world.now()),
        "warnings": resource_views.warning_views(warnings),
    }


@routes.add_route(
    "POST",
    "/api/tasks/{task_id}/triggers",
    scope=Scope.WRITE,
    action="trigger.create",
    body="AnyTrigger",
    status=201,
)
def create_trigger(task_id: str) -> Answer[responses.TriggerAnswer]:
    """Add a trigger to a blueprint."""
    world = wiring.get_world()
    request = routes.current_request
    owner = get_blueprint(task_id)
    new = task_requests.parse_trigger(world, owner, json_body(request))
    saved = blueprints.add_trigger(world, new, idempotency_claim(request, new.id))
    return json_answer(_saved_answer(owner, saved), 201)


@routes.add_route(
    "PATCH",
    "/api/tasks/{task_id}/triggers/{trigger_id}",
    scope=Scope.WRITE,
    action="trigger.update",
    body="TriggerPatch",
)
def edit_trigger(task_id: str, trigger_id: str) -> Answer[responses.TriggerAnswer]:
    """Change or pause a trigger."""
    world = wiring.get_world()
    owner = get_blueprint(task_id)
    was = blueprints.get_trigger(world, owner.id, TriggerId(parse_id("trigger", trigger_id)))
    new = task_requests.edit_trigger(world, owner, was, json_body(routes.current_request))
    saved = blueprints.change_trigger(world, was, new)
    return json_answer(_saved_answer(owner, saved))


@routes.add_route(
    "DELETE",
    "/api/tasks/{task_id}/triggers/{trigger_id}",
    scope=Scope.WRITE,
    action="trigger.remove",
    status=204,
)
def remove_trigger(task_id: str, trigger_id: str) -> Answer[None]:
    """Delete a trigger; its ledger stays."""
    world = wiring.get_world()
    owner = get_blueprint(task_id)
    old = blueprints.get_trigger(world, owner.id, TriggerId(parse_id("trigger", trigger_id)))
    blueprints.remove_trigger(world, old)
    return json_answer(None, 204)


@routes.add_route("GET", "/api/tasks/{task_id}/firings", scope=Scope.READ, query=PAGE_PARAMETERS)
def list_firings(task_id: str) -> Answer[responses.FiringList]:
    """List the firings of a blueprint, newest first."""
    request = routes.current_request
    owner = get_blueprint(task_id)
    page = firings.list_of_blueprint(
        wiring.get_world(), owner.id, page_cursor(request), page_limit(request)
    )
    return json_answer(firing_views.ledger_view(page))


@routes.add_route(
    "GET",
    "/api/tasks/{task_id}/triggers/{trigger_id}/firings",
    scope=Scope.READ,
    query=PAGE_PARAMETERS,
)
def list_trigger_firings(task_id: str, trigger_id: str) -> Answer[responses.FiringList]:
    """List the firings of a trigger, newest first."""
    request = routes.current_request
    trigger_id = TriggerId(parse_id("trigger", trigger_id))
    owner = get_blueprint(task_id)
    page = firings.list_of_trigger(
        wiring.get_world(), owner, trigger_id, page_cursor(request), page_limit(request)
    )
    return json_answer(firing_views.ledger_view(page))


@routes.add_route(
    "GET", "/api/tasks/{task_id}/triggers/{trigger_id}/explain", scope=Scope.READ, query=("at",)
)
def explain_firing(task_id: str, trigger_id: str) -> Answer[responses.Explanation]:
    """Explain in one sentence why a trigger did or did not fire at a given time."""
    world = wiring.get_world()
    owner = get_blueprint(task_id)
    trigger = blueprints.get_trigger(world, owner.id, TriggerId(parse_id("trigger", trigger_id)))
    at = query_params.parse_moment(
        query_param(routes.current_request, "at", format_moment(world.now()))
    )
    sentence, firing = explain.explain_firing(world, owner, trigger, at)
    return json_answer(
        {"answer": sentence, "firing": firing_views.firing_view(firing) if firing else None}
    )
