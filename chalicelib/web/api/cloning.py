"""Routes that clone blueprints."""

from __future__ import annotations

import uuid

from chalicelib import wiring
from chalicelib.actions import cloning, save_warnings
from chalicelib.domain.access import Scope
from chalicelib.web import answers, views
from chalicelib.web.api.tasks import definition_of
from chalicelib.web.http import Answer, Routes, answer, claim_of

routes = Routes(__name__)


@routes.at("POST", "/api/tasks/{task_id}/clone", needs=Scope.WRITE, status=201)
def clone(task_id: str) -> Answer[answers.ClonedAnswer]:
    """Create a paused copy of a blueprint and of its triggers except webhooks."""
    world = wiring.world()
    new_id = str(uuid.uuid4())
    claim = claim_of(routes.current_request, new_id)
    made, triggers = cloning.clone(world, definition_of(task_id), new_id, claim)
    shown = [views.trigger(trigger, world.now()) for trigger in triggers]
    warnings = views.warnings(save_warnings.find_warnings(world, made, triggers))
    view = views.blueprint(made)
    return answer({"task": view, "triggers": shown, "warnings": warnings}, 201)
