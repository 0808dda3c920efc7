"""The page that edits a blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints, save_warnings
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.ids import BlueprintId
from chalicelib.web import task_requests
from chalicelib.web.http.requests import parse_id
from chalicelib.web.mapping import resource_views
from chalicelib.web.pages import forms
from chalicelib.web.pages.contexts.editors import EditBlueprintPage
from chalicelib.web.pages.filters import format_json_value
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import tasks
from chalicelib.web.schemas import requests

SHOWN_FIELDS = (*forms.TEXT_FIELDS, *forms.NUMBER_FIELDS, "paramsSchema")


def show_edit_form(visit: PageRequest, task_id: str) -> Response:
    """Show the form with the saved values."""
    blueprint = tasks.get_blueprint(wiring.get_world(), BlueprintId(parse_id("task", task_id)))
    return _render_page(visit, blueprint, None)


def _form_values(blueprint: Blueprint) -> dict[str, str]:
    view: Mapping[str, Any] = resource_views.blueprint_view(blueprint)
    values = {
        name: str(view[name])
        for name in (*forms.TEXT_FIELDS, *forms.NUMBER_FIELDS)
        if view.get(name)
    }
    values["maxRetries"] = str(blueprint.max_retries)
    values |= forms.variable_texts(blueprint.secrets, blueprint.environment)
    values |= forms.flag_values(skipIfUnchanged=blueprint.skip_if_unchanged, draft=blueprint.draft)
    values["prLabels"] = ", ".join(blueprint.pr_labels)
    values["paramsSchema"] = (
        format_json_value(blueprint.params_schema) if blueprint.params_schema else ""
    )
    return values


def _render_page(visit: PageRequest, blueprint: Blueprint, error: DomainError | None) -> Response:
    world = wiring.get_world()
    triggers = tasks.list_triggers(world, blueprint)
    warnings = save_warnings.find_blueprint_warnings(world, blueprint, triggers)
    selected = visit.form.get("promptTemplateId") or blueprint.prompt_template_id
    page = EditBlueprintPage(
        form=visit.form_state(error, _form_values(blueprint)),
        blueprint_id=blueprint.id,
        blueprint_name=blueprint.name,
        has_repo=bool(blueprint.repo_url),
        templates=forms.list_template_choices(selected),
        warnings=forms.warning_notes(warnings),
    )
    return visit.show_form(page, error)


def _default_values() -> dict[str, Any]:
    """Return the values that empty fields stand for: the defaults of the API."""
    fields = requests.Definition.model_fields.values()
    return {str(field.alias): field.default for field in fields if field.alias in SHOWN_FIELDS}


def save_blueprint(visit: PageRequest, task_id: str) -> Response:
    """Save the submitted blueprint."""
    world = wiring.get_world()
    was = tasks.get_blueprint(world, BlueprintId(parse_id("task", task_id)))
    try:
        submitted = visit.submitted_form
        body = {**_default_values(), **forms.blueprint_body(submitted)}
        new = task_requests.edit_blueprint(world, was, body, submitted.faults)
        blueprints.change_blueprint(world, was, new)
    except (Invalid, Conflict) as error:
        return _render_page(visit, was, error)
    return visit.redirect_to("tasks", "scheduled", was.id, done="saved")
