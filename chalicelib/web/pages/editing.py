"""The page that edits a blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions, save_warnings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web import models, reading, views
from chalicelib.web.http import known_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.visit import Visit
from chalicelib.web.pages.wording import pretty

SHOWN = (*forms.TEXTS, *forms.NUMBERS, "paramsSchema")


def show(visit: Visit, task_id: str) -> Response:
    """Show the form with the saved values."""
    thing = wiring.world().blueprints.get(known_id("task", task_id))
    return _page(visit, thing, None)


def _typed(thing: Blueprint) -> dict[str, str]:
    view: Mapping[str, Any] = views.blueprint(thing)
    typed = {name: str(view[name]) for name in (*forms.TEXTS, *forms.NUMBERS) if view.get(name)}
    typed["maxRetries"] = str(thing.max_retries)
    typed |= forms.shown(thing.secrets, thing.environment)
    typed |= forms.chosen(skipIfUnchanged=thing.skip_if_unchanged, draft=thing.draft)
    typed["prLabels"] = ", ".join(thing.pr_labels)
    typed["paramsSchema"] = pretty(thing.params_schema) if thing.params_schema else ""
    return typed


def _page(visit: Visit, thing: Blueprint, error: DomainError | None) -> Response:
    world = wiring.world()
    found = save_warnings.find_blueprint_warnings(world, thing, world.triggers.of(thing))
    return visit.form_page(
        "edit.html",
        error,
        _typed(thing),
        thing=thing,
        repos=world.repos.all(),
        templates=forms.templates(visit.form.get("promptTemplateId") or thing.prompt_template_id),
        warnings=forms.warned(found),
    )


def _usual() -> dict[str, Any]:
    """Return the values that empty fields stand for: the defaults of the API."""
    fields = models.Definition.model_fields.values()
    return {str(field.alias): field.default for field in fields if field.alias in SHOWN}


def save(visit: Visit, task_id: str) -> Response:
    """Save the submitted blueprint."""
    world = wiring.world()
    was = world.blueprints.get(known_id("task", task_id))
    try:
        typed = visit.typed
        body = {**_usual(), **forms.definition(typed)}
        url = body["repoUrl"]
        repo = world.repos.find(url) if isinstance(url, str) else None
        new = reading.patched_definition(was, body, repo, typed.faults)
        definitions.change(world, was, new)
    except (Invalid, Conflict) as error:
        return _page(visit, was, error)
    return visit.go("tasks", "scheduled", was.id, done="saved")
