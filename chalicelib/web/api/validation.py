"""The route that validates repos, prompt templates and tasks without saving them."""

from __future__ import annotations

import uuid

from chalicelib import wiring
from chalicelib.actions.blueprints import save_warnings
from chalicelib.domain.access.key import Scope
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.field_warning import FieldWarning, prefix_warnings
from chalicelib.domain.limits import MAX_CHECKED_SCHEMA_VALUES
from chalicelib.domain.strict_json import count_values
from chalicelib.web.http.requests import json_body
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import blueprint_requests, resource_views
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


@routes.add_route("POST", "/api/checks", scope=Scope.READ, body="Checks")
def check_bodies() -> Answer[responses.Checked]:
    """Validate repos, templates and tasks without saving them; return all faults or warnings."""
    asked = requests.parse_request(requests.Checks, json_body(routes.current_request))
    written: tuple[tuple[str, type[requests.Model], list[dict[str, object]]], ...] = (
        ("repos", requests.NewRepo, asked.repos),
        ("promptTemplates", requests.NewPromptTemplate, asked.prompt_templates),
        ("tasks", requests.NewTask, asked.tasks),
    )
    schemas = [body.get("paramsSchema") for _, _, bodies in written for body in bodies]
    if sum(map(count_values, schemas)) > MAX_CHECKED_SCHEMA_VALUES:
        rule = (
            f"the schemas of one request may have at most {MAX_CHECKED_SCHEMA_VALUES:,} "
            f"values: send fewer"
        )
        raise Invalid(rule, "paramsSchema")
    faults: list[Fault] = []
    warnings: list[FieldWarning] = []
    for name, model, bodies in written:
        for number, body in enumerate(bodies):
            place = f"{name}.{number}"
            kept, ignored = blueprint_requests.drop_ignored_fields(body)
            try:
                found = _find_warnings(requests.parse_request(model, kept))
                warnings += prefix_warnings(place, [*ignored, *found])
            except Invalid as refused:
                faults += refused.below_prefix(place).faults
    if faults:
        raise Invalid.from_faults(faults)
    return json_answer({"valid": True, "warnings": resource_views.warning_views(warnings)})


def _find_warnings(asked: requests.Model) -> list[FieldWarning]:
    """Return the warnings about a blueprint; other requests have none."""
    if not isinstance(asked, requests.NewTask) or Kind(asked.type) is Kind.REPO_TASK:
        return []
    world = wiring.get_world()
    new = blueprint_requests.to_blueprint(asked, str(uuid.uuid4()), None, world.now())
    triggers = [
        blueprint_requests.to_trigger(trigger, new, world.now()) for trigger in asked.triggers
    ]
    return save_warnings.find_warnings(world, new, triggers)
