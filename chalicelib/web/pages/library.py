"""The prompt templates, which blueprints share."""

from __future__ import annotations

import uuid
from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import library
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.web import audit, models
from chalicelib.web.http import known_id
from chalicelib.web.pages.visit import Visit


def index(visit: Visit) -> Response:
    """Show the templates, and the form to add one or to edit the selected one."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    found, position = world.prompt_templates.newest(visit.position, 50)
    chosen = visit.form.get("id") or visit.query("edit")
    editing = world.prompt_templates.get(known_id("template", chosen)) if chosen else None
    saved = _typed(editing) if editing else {}
    values = {"found": found, "position": position, "editing": editing}
    return visit.form_page("templates.html", error, saved, **values)


def _typed(template: PromptTemplate) -> dict[str, str]:
    """Return the values of a template's form."""
    return {
        "name": template.name,
        "description": template.description,
        "template": template.template,
        "defaultAgentType": template.default_agent_type or "",
    }


def save(visit: Visit) -> Response:
    """Add, change or remove a template."""
    world, chosen = wiring.world(), visit.form.get("id", "")
    try:
        if visit.form.get("do") == "delete":
            library.remove(world, known_id("template", chosen))
            return visit.go("templates", done="deleted")
        was = world.prompt_templates.get(known_id("template", chosen)) if chosen else None
        fields = {
            name: visit.form[name]
            for name in ("name", "description", "template", "defaultAgentType")
            if visit.form.get(name, "").strip()
        }
        if was and was.params_schema:
            fields["paramsSchema"] = was.params_schema  # type: ignore[assignment]
        asked = models.parsed(models.NewPromptTemplate, fields)
        if was:
            library.change(world, was, replace(was, **asked.model_dump() | {"kind": was.kind}))
        else:
            now = world.now()
            new = PromptTemplate(
                id=str(uuid.uuid4()), created_at=now, updated_at=now, **asked.model_dump()
            )
            new = library.create(world, new, visit.once(new.id))
            audit.made(new.id, new.name)
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.go("templates", done="saved")
