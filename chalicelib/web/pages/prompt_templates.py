"""The prompt templates, which blueprints share."""

from __future__ import annotations

import uuid
from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import prompt_templates
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts import prompt_templates as contexts
from chalicelib.web.pages.contexts.base import title_form
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests

PAGE_SIZE = 50


def list_templates(visit: PageRequest) -> Response:
    """Show the templates, and the form to add one or to edit the selected one."""
    return _render_page(visit, None)


def _render_page(visit: PageRequest, error: DomainError | None) -> Response:
    world = wiring.get_world()
    templates, position = configuration.list_templates(world, visit.list_position, PAGE_SIZE)
    chosen = visit.form.get("id") or visit.query_param("edit")
    editing = configuration.get_template(world, parse_id("template", chosen)) if chosen else None
    saved = _form_values(editing) if editing else {}
    page = contexts.TemplateListPage(
        form=visit.form_state(error, saved),
        notice=visit.notice,
        templates=[contexts.draw_template_card(template) for template in templates],
        older_url=visit.link_older(position, "templates"),
        editing_id=editing.id if editing else "",
        form_title=title_form(editing.name if editing else None, "New template"),
    )
    return visit.show_form(page, error)


def _form_values(template: PromptTemplate) -> dict[str, str]:
    """Return the values of a template's form."""
    return {
        "name": template.name,
        "description": template.description,
        "template": template.template,
        "defaultAgentType": template.default_agent_type or "",
    }


def save_template(visit: PageRequest) -> Response:
    """Add, change or remove a template."""
    world, chosen = wiring.get_world(), visit.form.get("id", "")
    try:
        if visit.form.get("do") == "delete":
            prompt_templates.remove_template(world, parse_id("template", chosen))
            return visit.redirect_to("templates", done="deleted")
        was = configuration.get_template(world, parse_id("template", chosen)) if chosen else None
        fields = {
            name: visit.form[name]
            for name in ("name", "description", "template", "defaultAgentType")
            if visit.form.get(name, "").strip()
        }
        if was and was.params_schema:
            fields["paramsSchema"] = was.params_schema  # type: ignore[assignment]
        template_request = requests.parse_request(requests.NewPromptTemplate, fields)
        if was:
            prompt_templates.change_template(
                world, was, replace(was, **template_request.model_dump() | {"kind": was.kind})
            )
        else:
            now = world.now()
            new = PromptTemplate(
                id=str(uuid.uuid4()),
                created_at=now,
                updated_at=now,
                **template_request.model_dump(),
            )
            new = prompt_templates.create_template(world, new, visit.form_claim(new.id))
            audit.note_created(new.id, new.name)
    except (Invalid, Conflict) as error:
        return _render_page(visit, error)
    return visit.redirect_to("templates", done="saved")
