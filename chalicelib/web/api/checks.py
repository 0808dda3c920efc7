"""Whether things would be taken as they are written, before any of them is made."""

from __future__ import annotations

from chalicelib.domain.access import Scope
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.json_text import count
from chalicelib.domain.limits import CHECKED_SCHEMAS
from chalicelib.web import answers, models, reading
from chalicelib.web.http import Answer, Routes, answer, body_of

routes = Routes(__name__)


@routes.at("POST", "/api/checks", needs=Scope.READ, takes="Checks")
def check() -> Answer[answers.Checked]:
    """Say whether these would be taken as they are written, with every fault; none is made."""
    asked = models.parsed(models.Checks, body_of(routes.current_request))
    written: tuple[tuple[str, type[models.Model], list[dict[str, object]]], ...] = (
        ("repos", models.NewRepo, asked.repos),
        ("promptTemplates", models.NewPromptTemplate, asked.prompt_templates),
        ("tasks", models.NewTask, asked.tasks),
    )
    schemas = [body.get("paramsSchema") for _, _, bodies in written for body in bodies]
    if sum(map(count, schemas)) > CHECKED_SCHEMAS:
        rule = f"the schemas of one request hold at most {CHECKED_SCHEMAS:,} values: send fewer"
        raise Invalid(rule, "paramsSchema")
    faults: list[Fault] = []
    for name, model, bodies in written:
        for number, body in enumerate(bodies):
            try:
                models.parsed(model, reading.without_meaningless(body)[0])
            except Invalid as refused:
                faults += refused.within(f"{name}.{number}").faults
    if faults:
        raise Invalid.of(faults)
    return answer({"valid": True})
