"""The route that validates repos, prompt templates and tasks without saving them."""

from __future__ import annotations

import uuid

from chalicelib import wiring
from chalicelib.actions import save_warnings
from chalicelib.domain.access import Scope
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.field_warning import FieldWarning, prefix_warnings
from chalicelib.domain.json_text import count
from chalicelib.domain.limits import CHECKED_SCHEMAS
from chalicelib.web import answers, models, reading, views
from chalicelib.web.http import Answer, Routes, answer, body_of

routes = Routes(__name__)


@routes.at("POST", "/api/checks", needs=Scope.READ, takes="Checks")
def check() -> Answer[answers.Checked]:
    """Validate repos, templates and tasks without saving them; return all faults or warnings."""
    asked = models.parsed(models.Checks, body_of(routes.current_request))
    written: tuple[tuple[str, type[models.Model], list[dict[str, object]]], ...] = (
        ("repos", models.NewRepo, asked.repos),
        ("promptTemplates", models.NewPromptTemplate, asked.prompt_templates),
        ("tasks", models.NewTask, asked.tasks),
    )
    schemas = [body.get("paramsSchema") for _, _, bodies in written for body in bodies]
    if sum(map(count, schemas)) > CHECKED_SCHEMAS:
        rule = f"the schemas of one request may have at most {CHECKED_SCHEMAS:,} values: send fewer"
        raise Invalid(rule, "paramsSchema")
    faults: list[Fault] = []
    warnings: list[FieldWarning] = []
    for name, model, bodies in written:
        for number, body in enumerate(bodies):
            place = f"{name}.{number}"
            kept, ignored = reading.without_meaningless(body)
            try:
                found = _find_warnings(models.parsed(model, kept))
                warnings += prefix_warnings(place, [*ignored, *found])
            except Invalid as refused:
                faults += refused.within(place).faults
    if faults:
        raise Invalid.of(faults)
    return answer({"valid": True, "warnings": views.warnings(warnings)})


def _find_warnings(asked: models.Model) -> list[FieldWarning]:
    """Return the warnings about a blueprint; other requests have none."""
    if not isinstance(asked, models.NewTask) or Kind(asked.type) is Kind.REPO_TASK:
        return []
    world = wiring.world()
    new = reading.definition(asked, str(uuid.uuid4()), None, world.now())
    triggers = [reading.trigger(trigger, new, world.now()) for trigger in asked.triggers]
    return save_warnings.find_warnings(world, new, triggers)
