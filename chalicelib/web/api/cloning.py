"""Routes that clone blueprints."""

from __future__ import annotations

import uuid

from chalicelib import wiring
from chalicelib.actions.blueprints import clone, save_warnings
from chalicelib.domain.access.key import Scope
from chalicelib.domain.ids import BlueprintId
from chalicelib.web.api.tasks import get_blueprint
from chalicelib.web.http.requests import idempotency_claim
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route(
    "POST", "/api/tasks/{task_id}/clone", scope=Scope.WRITE, action="task.clone", status=201
)
def clone_task(task_id: str) -> Answer[responses.ClonedAnswer]:
    """Create a paused copy of a blueprint and of its triggers except webhooks."""
    world = wiring.get_world()
    new_id = BlueprintId(str(uuid.uuid4()))
    claim = idempotency_claim(routes.current_request, new_id)
    new_blueprint, triggers = clone.clone_blueprint(world, get_blueprint(task_id), new_id, claim)
    shown = [resource_views.trigger_view(trigger, world.now()) for trigger in triggers]
    warnings = resource_views.warning_views(
        save_warnings.find_warnings(world, new_blueprint, triggers)
    )
    view = resource_views.blueprint_view(new_blueprint)
    return json_answer({"task": view, "triggers": shown, "warnings": warnings}, 201)
