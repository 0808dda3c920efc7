"""The form for a new task: a run, or a blueprint with a trigger."""

from __future__ import annotations

from collections.abc import Mapping

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.runs import runs
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web import task_requests
from chalicelib.web.pages import forms
from chalicelib.web.pages.contexts.editors import NewTaskPage
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration

CRON_PRESETS = (
    ("*/15 * * * *", "Every 15 minutes"),
    ("0 * * * *", "Hourly"),
    ("0 3 * * *", "Nightly, 03:00"),
    ("0 9 * * 1-5", "Workdays, 09:00"),
    ("0 9 * * 1", "Mondays, 09:00"),
    ("0 8 1 * *", "Monthly"),
)


def show_new_task(visit: PageRequest) -> Response:
    """Show the form, with a prompt template selected if the query names one."""
    values = _empty_form() | {
        "mode": visit.query_param("mode") or "schedule",
        "cronExpression": "0 9 * * 1-5",
    }
    values |= {
        "repoUrl": visit.query_param("repo"),
        "trigger": visit.query_param("trigger") or "schedule",
    }
    chosen = visit.query_param("template")
    if chosen:
        values["promptTemplateId"] = chosen
    return _render_page(visit, values, None)


def _empty_form() -> dict[str, str]:
    return {"secret": forms.new_secret(), "path": forms.new_path()}


def _render_page(
    visit: PageRequest, filled: Mapping[str, str], error: DomainError | None
) -> Response:
    chosen = visit.form.get("promptTemplateId") or filled.get("promptTemplateId")
    world = wiring.get_world()
    form = visit.form_state(error, filled)
    page = NewTaskPage(
        form=form,
        is_run=form.texts.get("mode") == "run",
        trigger_kind=form.texts.get("trigger", ""),
        presets=CRON_PRESETS,
        repo_urls=[repo.url for repo in configuration.list_repos(world)],
        templates=forms.list_template_choices(chosen),
    )
    return visit.show_form(page, error)


def create_task(visit: PageRequest) -> Response:
    """Start a run, or save a blueprint with its trigger."""
    try:
        if visit.form.get("mode") == "run":
            return visit.redirect_to("tasks", _start_task(visit), done="started")
        return visit.redirect_to("tasks", "scheduled", _save_blueprint(visit), done="created")
    except (Invalid, Conflict) as error:
        return _render_page(visit, {}, error)


def _start_task(visit: PageRequest) -> str:
    world, submitted = wiring.get_world(), visit.submitted_form
    body = {**forms.blueprint_body(submitted), "type": Kind.REPO_TASK.value}
    params = submitted.read_mapping("params")
    if not body.get("repoUrl"):
        submitted.add_fault("repoUrl", "enter a repo: only a saved blueprint can run without one")
    new, _ = task_requests.parse_task(world, body, submitted.faults)
    return runs.start_run(world, new, params, stored=False, claim=visit.form_claim()).id


def _save_blueprint(visit: PageRequest) -> str:
    world, submitted = wiring.get_world(), visit.submitted_form
    body = forms.blueprint_body(submitted)
    kind = Kind.REPO_BLUEPRINT if body.get("repoUrl") else Kind.STANDALONE
    if kind is Kind.STANDALONE:
        body.pop("repoBranch", None)
    triggers = [] if visit.form.get("trigger") == "none" else [forms.trigger_body(submitted)]
    whole = {**body, "type": kind.value, "triggers": triggers}
    new, new_triggers = task_requests.parse_task(world, whole, submitted.faults)
    return blueprints.create_blueprint(world, new, new_triggers, visit.form_claim(new.id))[0].id
