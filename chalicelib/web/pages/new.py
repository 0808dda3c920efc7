"""The form for a new task: a run, or a blueprint with a trigger."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions, runs
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web import models, reading
from chalicelib.web.pages import forms
from chalicelib.web.pages.visit import Visit

PRESETS = (
    ("*/15 * * * *", "Every 15 minutes"),
    ("0 * * * *", "Hourly"),
    ("0 3 * * *", "Nightly, 03:00"),
    ("0 9 * * 1-5", "Workdays, 09:00"),
    ("0 9 * * 1", "Mondays, 09:00"),
    ("0 8 1 * *", "Monthly"),
)


def show(visit: Visit) -> Response:
    """Show the form, with a prompt template selected if the query names one."""
    typed = _fresh() | {"mode": visit.query("mode") or "schedule", "cronExpression": "0 9 * * 1-5"}
    typed |= {"repoUrl": visit.query("repo"), "trigger": visit.query("trigger") or "schedule"}
    chosen = visit.query("template")
    if chosen:
        typed["promptTemplateId"] = chosen
    return _page(visit, typed, None)


def _fresh() -> dict[str, str]:
    return {"secret": forms.fresh_secret(), "path": forms.fresh_path()}


def _page(visit: Visit, filled: Mapping[str, str], error: DomainError | None) -> Response:
    chosen = visit.form.get("promptTemplateId") or filled.get("promptTemplateId")
    return visit.form_page(
        "new.html",
        error,
        filled,
        presets=PRESETS,
        repos=wiring.world().repos.all(),
        templates=forms.templates(chosen),
    )


def create(visit: Visit) -> Response:
    """Start a run, or save a blueprint with its trigger."""
    try:
        if visit.form.get("mode") == "run":
            return visit.go("tasks", _started(visit), done="started")
        return visit.go("tasks", "scheduled", _saved(visit), done="created")
    except (Invalid, Conflict) as error:
        return _page(visit, {}, error)


def _started(visit: Visit) -> str:
    world, typed = wiring.world(), visit.typed
    body = {**forms.definition(typed), "type": Kind.REPO_TASK.value}
    params = typed.mapping("params")
    if not body.get("repoUrl"):
        typed.blame("repoUrl", "enter a repo: only a saved blueprint can run without one")
    asked = models.parsed(models.NewTask, body, besides=typed.faults)
    repo = world.repos.find(asked.repo_url) if asked.repo_url else None
    new = reading.definition(asked, str(uuid.uuid4()), repo, world.now())
    return runs.start(world, new, params, stored=False, claim=visit.once()).id


def _saved(visit: Visit) -> str:
    world, typed = wiring.world(), visit.typed
    body = forms.definition(typed)
    kind = Kind.REPO_BLUEPRINT if body.get("repoUrl") else Kind.STANDALONE
    if kind is Kind.STANDALONE:
        body.pop("repoBranch", None)
    triggers = [] if visit.form.get("trigger") == "none" else [forms.trigger(typed)]
    whole = {**body, "type": kind.value, "triggers": triggers}
    asked = models.parsed(models.NewTask, whole, besides=typed.faults)
    repo = world.repos.find(asked.repo_url) if asked.repo_url else None
    new = reading.definition(asked, str(uuid.uuid4()), repo, world.now())
    made = [reading.trigger(one, new, world.now()) for one in asked.triggers]
    return definitions.create(world, new, made, visit.once(new.id))[0].id
