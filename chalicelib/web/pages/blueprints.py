"""The list of blueprints, and the page of one blueprint with its ledger."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints, clone, save_warnings
from chalicelib.actions.firing import preview, redelivery
from chalicelib.actions.runs import runs
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.firing.decision import BlueprintContext
from chalicelib.domain.ids import BlueprintId, FiringId, TriggerId
from chalicelib.domain.page import Cursor
from chalicelib.web import task_requests
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages import charts, forms
from chalicelib.web.pages.contexts import blueprint as contexts
from chalicelib.web.pages.contexts import blueprints as list_contexts
from chalicelib.web.pages.contexts.dry_run import draw_dry_run
from chalicelib.web.pages.contexts.ledger import draw_ledger_row
from chalicelib.web.pages.contexts.param_fields import list_param_fields
from chalicelib.web.pages.contexts.triggers import draw_trigger_card
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import firings, tasks

PAGE_SIZE, LEDGER_SIZE, MAX_UPCOMING = 25, 20, 8


def list_blueprints(visit: PageRequest) -> Response:
    """List all blueprints with their triggers and newest runs."""
    text, before = visit.query_param("q").strip(), visit.query_param("before")
    overviews, position = tasks.list_blueprints(
        wiring.get_world(), visit.list_position, PAGE_SIZE, text
    )
    listing = list_contexts.draw_blueprint_listing(overviews, position, text, before, visit.urls)
    if visit.query_param("part"):
        return visit.show_part(list_contexts.BlueprintListPart(listing=listing))
    return visit.show_page(list_contexts.BlueprintListPage(listing=listing, notice=visit.notice))


def _get_blueprint(task_id: str) -> Blueprint:
    return tasks.get_blueprint(wiring.get_world(), BlueprintId(parse_id("task", task_id)))


def show_blueprint(visit: PageRequest, task_id: str) -> Response:
    """Show a blueprint."""
    return _render_page(visit, _get_blueprint(task_id))


def preview_run(visit: PageRequest, task_id: str) -> Response:
    """Preview a run with the submitted params: its prompt, and every rule that would block it."""
    blueprint = _get_blueprint(task_id)
    try:
        shown = preview.preview_firing(
            wiring.get_world(), blueprint, _read_params(visit, blueprint)
        )
    except Invalid as error:
        return _render_page(visit, blueprint, error)
    return _render_page(visit, blueprint, shown=shown)


def _render_page(
    visit: PageRequest,
    blueprint: Blueprint,
    error: DomainError | None = None,
    shown: preview.FiringPreview | None = None,
) -> Response:
    world = wiring.get_world()
    (watched,) = tasks.read_overviews(world, [blueprint], recent=30)
    activity = _read_activity(visit, watched)
    if visit.query_param("part"):
        return visit.show_part(contexts.BlueprintPart(activity=activity))
    basis = _firing_context(blueprint)
    saved = forms.default_params(watched.triggers, basis.params_schema)
    form = visit.form_state(error, None if shown else saved)
    own_warnings, trigger_warnings = _find_warnings(watched)
    page = contexts.BlueprintPage(
        form=form,
        notice=visit.notice,
        blueprint=contexts.draw_header(blueprint),
        warnings=own_warnings,
        run_title="Run now" if visit.may_use("write") else "Try it out",
        param_fields=list_param_fields(basis.params_schema, form),
        dry_run=draw_dry_run(shown) if shown else None,
        activity=activity,
        triggers=[
            draw_trigger_card(
                trigger, trigger_warnings[trigger.id], is_paused=not blueprint.enabled
            )
            for trigger in watched.triggers
        ],
        trigger_forms=contexts.draw_trigger_forms(
            form, {"path": forms.new_path(), "secret": forms.new_secret()}
        ),
        prompt=contexts.draw_prompt(blueprint, basis.template),
        chart=charts.draw_chart(watched.recent),
    )
    return visit.show_form(page, error)


def _read_activity(
    visit: PageRequest, watched: tasks.BlueprintOverview
) -> contexts.BlueprintActivity:
    """Return the live part of the page, with one page of the ledger."""
    before, blueprint = Cursor(visit.query_param("ledger")) or None, watched.blueprint
    ledger = firings.list_of_blueprint(wiring.get_world(), blueprint.id, before, LEDGER_SIZE)
    upcoming = _upcoming_fires(watched)
    return contexts.BlueprintActivity(
        blueprint_id=blueprint.id,
        upcoming=upcoming,
        upcoming_times=[fire.at for fire in upcoming[: contexts.MAX_UPCOMING]],
        ledger=[draw_ledger_row(firing, ledger.run_states) for firing in ledger.firings],
        older_url=visit.urls.link_to("tasks", "scheduled", blueprint.id, ledger=ledger.position)
        if ledger.position
        else "",
        runs=contexts.draw_run_lines(watched.recent),
    )


def _find_warnings(
    watched: tasks.BlueprintOverview,
) -> tuple[list[forms.FormError], dict[TriggerId, list[forms.FormError]]]:
    """Return the warnings about a blueprint, and about each of its triggers by id."""
    world, blueprint, triggers = wiring.get_world(), watched.blueprint, watched.triggers
    facts = save_warnings.read_facts_of(world, blueprint, triggers)
    own = save_warnings.find_blueprint_warnings(world, blueprint, triggers, facts)
    of_triggers = {
        trigger.id: forms.warning_notes(
            save_warnings.find_trigger_warnings(world, blueprint, trigger, facts)
        )
        for trigger in triggers
    }
    return forms.warning_notes(own), of_triggers


def _upcoming_fires(watched: tasks.BlueprintOverview) -> list[contexts.UpcomingFire]:
    """Return the next fire times of all triggers, none while the blueprint is paused."""
    now = wiring.get_world().now()
    if not watched.blueprint.enabled:
        return []
    moments = [
        at for trigger in watched.triggers if trigger.enabled for at in trigger.preview_fires(now)
    ]
    return contexts.place_fires(sorted(moments)[:MAX_UPCOMING], now)


def act_on_blueprint(visit: PageRequest, task_id: str) -> Response:
    """Run the action of the pressed button."""
    blueprint = _get_blueprint(task_id)
    button, _, about = visit.form.get("do", "").partition(":")
    try:
        if button not in ACTIONS:
            raise Invalid("this button is unknown: reload the page, and choose again", "do")
        return ACTIONS[button](visit, blueprint, about)
    except (Conflict, Invalid) as error:
        return _render_page(visit, _get_blueprint(task_id), error)


def _redirect_back(visit: PageRequest, blueprint: Blueprint, done: str) -> Response:
    if visit.form.get("back") == "list":
        return visit.redirect_to("tasks", "scheduled", done=done)
    return visit.redirect_to("tasks", "scheduled", blueprint.id, done=done)


def _pause(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    blueprints.change_blueprint(wiring.get_world(), blueprint, replace(blueprint, enabled=False))
    return _redirect_back(visit, blueprint, "paused")


def _resume(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    on = replace(blueprint, enabled=True, paused_reason=None)
    blueprints.change_blueprint(wiring.get_world(), blueprint, on)
    return _redirect_back(visit, blueprint, "resumed")


def _run(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    world = wiring.get_world()
    params: Mapping[str, object] | None
    if visit.form.get("back") == "list":  # a button without a form of its own
        params = runs.choose_params(tasks.list_triggers(world, blueprint))
    else:
        params = _read_params(visit, blueprint)
    if params is None:
        return visit.redirect_to("tasks", "scheduled", blueprint.id, done="choose-params")
    run = runs.start_run(world, blueprint, params, claim=visit.form_claim())
    return visit.redirect_to("tasks", run.id, done="started")


def _read_params(visit: PageRequest, blueprint: Blueprint) -> dict[str, Any]:
    submitted = visit.submitted_form
    params = submitted.read_params(_firing_context(blueprint).params_schema)
    submitted.raise_faults()
    return params


def _firing_context(blueprint: Blueprint) -> BlueprintContext:
    template = blueprints.template_of(wiring.get_world(), blueprint)
    return BlueprintContext(blueprint=blueprint, template=template)


def _clone(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    new_id = BlueprintId(str(uuid.uuid4()))
    copy, _ = clone.clone_blueprint(wiring.get_world(), blueprint, new_id, visit.form_claim(new_id))
    return visit.redirect_to("tasks", "scheduled", copy.id, done="cloned")


def _delete(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    blueprints.remove_blueprint(wiring.get_world(), blueprint.id)
    return visit.redirect_to("tasks", "scheduled", done="deleted")


def _redeliver(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    firing = redelivery.redeliver_firing(
        wiring.get_world(), FiringId(parse_id("firing", about)), visit.form_claim()
    )
    if firing.run_id:
        return visit.redirect_to("tasks", firing.run_id, done="redelivered")
    return _redirect_back(visit, blueprint, "redelivered")


def _switch(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    world = wiring.get_world()
    was = blueprints.get_trigger(world, blueprint.id, TriggerId(parse_id("trigger", about)))
    blueprints.change_trigger(world, was, replace(was, enabled=not was.enabled))
    return _redirect_back(visit, blueprint, "trigger-paused" if was.enabled else "trigger-resumed")


def _drop(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    world = wiring.get_world()
    old = blueprints.get_trigger(world, blueprint.id, TriggerId(parse_id("trigger", about)))
    blueprints.remove_trigger(world, old)
    return _redirect_back(visit, blueprint, "trigger-deleted")


def _add(visit: PageRequest, blueprint: Blueprint, about: str) -> Response:
    world = wiring.get_world()
    submitted = visit.submitted_form
    new = task_requests.parse_trigger(
        world, blueprint, forms.trigger_body(submitted), submitted.faults
    )
    new = blueprints.add_trigger(world, new, visit.form_claim(new.id))
    audit.note_created(new.id, new.type.value)
    return _redirect_back(visit, blueprint, "trigger-added")


ACTIONS = {
    "pause": _pause,
    "resume": _resume,
    "run": _run,
    "clone": _clone,
    "delete": _delete,
    "redeliver": _redeliver,
    "switch": _switch,
    "drop": _drop,
    "add": _add,
}
