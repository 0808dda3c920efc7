"""The list of blueprints, and the page of one blueprint with its ledger."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import (
    cloning,
    definitions,
    listing,
    previewing,
    redelivering,
    runs,
    save_warnings,
)
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web import audit, reading
from chalicelib.web.http import known_id
from chalicelib.web.pages import charts, forms
from chalicelib.web.pages.visit import Visit

PAGE = 25


def index(visit: Visit) -> Response:
    """List all blueprints with their triggers and newest runs."""
    text, before = visit.query("q").strip(), visit.query("before")
    found, position = listing.definitions(wiring.world(), visit.position, PAGE, text)
    values = {"found": found, "position": position, "before": before, "q": text}
    if visit.query("part"):
        return visit.fragment("_definitions.html", **values)
    return visit.page("definitions.html", seen="", done=visit.query("done"), **values)


def _definition(task_id: str) -> Blueprint:
    return wiring.world().blueprints.get(known_id("task", task_id))


def show(visit: Visit, task_id: str) -> Response:
    """Show a blueprint."""
    return _page(visit, _definition(task_id))


def preview(visit: Visit, task_id: str) -> Response:
    """Preview a run with the submitted params: its prompt, and every rule that would block it."""
    thing = _definition(task_id)
    try:
        shown = previewing.preview(wiring.world(), thing, _params(visit, thing))
    except Invalid as error:
        return _page(visit, thing, error)
    return _page(visit, thing, shown=shown)


def _page(
    visit: Visit,
    thing: Blueprint,
    error: DomainError | None = None,
    shown: previewing.Preview | None = None,
) -> Response:
    world = wiring.world()
    (watched,) = listing.watched(world, [thing], recent=30)
    firings, older = world.firings.of_definition(thing.id, visit.query("ledger") or None, 20)
    basis = _basis(thing)
    values = {
        "watched": watched,
        "thing": thing,
        "firings": firings,
        "older": older,
        "triggers": {one.id: one for one in watched.triggers},
        "upcoming": _upcoming(watched),
        "run_states": listing.find_run_states(world, firings),
    }
    if visit.query("part"):
        return visit.fragment("_definition.html", **values)
    return visit.form_page(
        "definition.html",
        error,
        None if shown else forms.usual_params(watched.triggers, basis.params_schema),
        seen="",
        template=basis.template,
        schema=basis.params_schema,
        shown=shown,
        chart=charts.bars(watched.recent),
        secret=forms.fresh_secret(),
        path=forms.fresh_path(),
        **_warnings(watched),
        **values,
    )


def _warnings(watched: listing.Watched) -> dict[str, Any]:
    """Return the warnings about a blueprint, and about each of its triggers by id."""
    world, thing, triggers = wiring.world(), watched.definition, watched.triggers
    own = save_warnings.find_blueprint_warnings(world, thing, triggers)
    of_triggers = {
        one.id: forms.warned(save_warnings.find_trigger_warnings(world, thing, one))
        for one in triggers
    }
    return {"warnings": forms.warned(own), "trigger_warnings": of_triggers}


@dataclass(frozen=True)
class Coming:
    """An upcoming fire time, and its position on a line from 0 to 1000."""

    at: Any
    trigger_id: str
    place: int


def _upcoming(watched: listing.Watched) -> list[Coming]:
    now = wiring.world().now()
    if not watched.definition.enabled:
        return []
    moments = [
        (at, trigger.id)
        for trigger in watched.triggers
        if trigger.enabled
        for at in trigger.preview_fires(now)
    ]
    moments.sort()
    moments = moments[:8]
    if not moments:
        return []
    whole = max(moments[-1][0] - now, timedelta(minutes=1))
    return [Coming(at, key, round(1000 * ((at - now) / whole))) for at, key in moments]


def act(visit: Visit, task_id: str) -> Response:
    """Run the action of the pressed button."""
    thing = _definition(task_id)
    wanted, _, about = visit.form.get("do", "").partition(":")
    try:
        if wanted not in ACTS:
            raise Invalid("this button is unknown: reload the page, and choose again", "do")
        return ACTS[wanted](visit, thing, about)
    except (Conflict, Invalid) as error:
        return _page(visit, _definition(task_id), error)


def _back(visit: Visit, thing: Blueprint, done: str) -> Response:
    if visit.form.get("back") == "list":
        return visit.go("tasks", "scheduled", done=done)
    return visit.go("tasks", "scheduled", thing.id, done=done)


def _pause(visit: Visit, thing: Blueprint, about: str) -> Response:
    definitions.change(wiring.world(), thing, replace(thing, enabled=False))
    return _back(visit, thing, "paused")


def _resume(visit: Visit, thing: Blueprint, about: str) -> Response:
    on = replace(thing, enabled=True, paused_reason=None)
    definitions.change(wiring.world(), thing, on)
    return _back(visit, thing, "resumed")


def _run(visit: Visit, thing: Blueprint, about: str) -> Response:
    world = wiring.world()
    params: Mapping[str, object] | None
    if visit.form.get("back") == "list":  # a button without a form of its own
        params = runs.choose_params(world.triggers.of(thing))
    else:
        params = _params(visit, thing)
    if params is None:
        return visit.go("tasks", "scheduled", thing.id, done="choose-params")
    run = runs.start(world, thing, params, claim=visit.once())
    return visit.go("tasks", run.id, done="started")


def _params(visit: Visit, thing: Blueprint) -> dict[str, Any]:
    typed = visit.typed
    params = typed.params(_basis(thing).params_schema)
    typed.check()
    return params


def _basis(thing: Blueprint) -> Basis:
    template = definitions.template_of(wiring.world(), thing)
    return Basis(definition=thing, template=template)


def _clone(visit: Visit, thing: Blueprint, about: str) -> Response:
    new_id = str(uuid.uuid4())
    made, _ = cloning.clone(wiring.world(), thing, new_id, visit.once(new_id))
    return visit.go("tasks", "scheduled", made.id, done="cloned")


def _delete(visit: Visit, thing: Blueprint, about: str) -> Response:
    definitions.remove(wiring.world(), thing.id)
    return visit.go("tasks", "scheduled", done="deleted")


def _redeliver(visit: Visit, thing: Blueprint, about: str) -> Response:
    firing = redelivering.redeliver(wiring.world(), known_id("firing", about), visit.once())
    if firing.run_id:
        return visit.go("tasks", firing.run_id, done="redelivered")
    return _back(visit, thing, "redelivered")


def _switch(visit: Visit, thing: Blueprint, about: str) -> Response:
    world = wiring.world()
    was = definitions.trigger_of(world, thing.id, known_id("trigger", about))
    definitions.change_trigger(world, was, replace(was, enabled=not was.enabled))
    return _back(visit, thing, "trigger-paused" if was.enabled else "trigger-resumed")


def _drop(visit: Visit, thing: Blueprint, about: str) -> Response:
    world = wiring.world()
    old = definitions.trigger_of(world, thing.id, known_id("trigger", about))
    definitions.remove_trigger(world, old)
    return _back(visit, thing, "trigger-deleted")


def _add(visit: Visit, thing: Blueprint, about: str) -> Response:
    world = wiring.world()
    typed = visit.typed
    new = reading.trigger_from(forms.trigger(typed), thing, world.now(), typed.faults)
    new = definitions.add_trigger(world, new, visit.once(new.id))
    audit.made(new.id, new.type.value)
    return _back(visit, thing, "trigger-added")


ACTS = {
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
