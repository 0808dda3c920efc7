"""Changing a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions, listing
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid, NotFound
from chalicelib.domain.run import Run
from chalicelib.web import reading, views
from chalicelib.web.http import known_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.shell import Visit, faults_of
from chalicelib.web.pages.wording import pretty

CLEARED = ("promptTemplateId", "repoBranch", "model", "maxTurns", "paramsSchema", "agentCommand")


def _definition(task_id: str) -> Blueprint:
    found = listing.thing(wiring.world(), known_id("task", task_id))
    if isinstance(found, Run):
        raise NotFound("definition", task_id)
    return found


def show(visit: Visit, task_id: str) -> Response:
    """Show the form with what is saved."""
    thing = _definition(task_id)
    return _page(visit, thing, _typed(thing), None)


def _typed(thing: Blueprint) -> dict[str, str]:
    view: Mapping[str, Any] = views.blueprint(thing)
    typed = {name: str(view[name]) for name in (*forms.TEXTS, *forms.NUMBERS) if view.get(name)}
    typed["maxRetries"] = str(thing.max_retries)
    typed["secrets"] = " ".join(thing.secrets)
    typed["environment"] = "\n".join(f"{name}={text}" for name, text in thing.environment.items())
    typed["paramsSchema"] = pretty(thing.params_schema) if thing.params_schema else ""
    return typed


def _page(
    visit: Visit, thing: Blueprint, typed: Mapping[str, str], error: DomainError | None
) -> Response:
    world = wiring.world()
    return visit.page(
        "edit.html",
        409 if isinstance(error, Conflict) else 400 if error else 200,
        thing=thing,
        typed=typed,
        wrong=forms.known(faults_of(error)) if error else {},
        said=str(error) if error else "",
        repos=world.repos.all(),
        templates=world.prompt_templates.newest(None, 100)[0],
    )


def save(visit: Visit, task_id: str) -> Response:
    """Store what was typed."""
    was, world = _definition(task_id), wiring.world()
    try:
        body = {**dict.fromkeys(CLEARED), "description": "", "prompt": ""}
        body |= forms.definition(visit.form)
        url = body.get("repoUrl") or was.repo_url
        repo = world.repos.find(url) if isinstance(url, str) else None
        new = reading.patched_definition(was, body, repo)
        definitions.change(world, was, new)
    except (Invalid, Conflict) as error:
        return _page(visit, was, visit.form, error)
    return visit.go("tasks", "scheduled", was.id, done="saved")
