"""The page that edits a trigger."""

from __future__ import annotations

from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import definitions, save_warnings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.trigger import Trigger
from chalicelib.domain.webhook_senders import SENDERS
from chalicelib.web import reading
from chalicelib.web.http import known_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.typed import Typed
from chalicelib.web.pages.visit import Visit
from chalicelib.web.pages.wording import pretty


def _found(task_id: str, trigger_id: str) -> tuple[Blueprint, Trigger]:
    world = wiring.world()
    owner = world.blueprints.get(known_id("task", task_id))
    return owner, definitions.trigger_of(world, owner.id, known_id("trigger", trigger_id))


def show(visit: Visit, task_id: str, trigger_id: str) -> Response:
    """Show the form with the saved values."""
    owner, trigger = _found(task_id, trigger_id)
    return _page(visit, owner, trigger, None)


def _typed(trigger: Trigger) -> dict[str, str]:
    typed = {"trigger": trigger.type.value}
    typed["paramMapping"] = pretty(trigger.param_mapping) if trigger.param_mapping else ""
    if trigger.schedule:
        typed |= {
            "cronExpression": trigger.schedule.cron,
            "timezone": trigger.schedule.timezone,
            "overlapPolicy": trigger.schedule.overlap.value,
            "catchUpPolicy": trigger.schedule.catch_up.value,
            "jitterSeconds": str(trigger.schedule.jitter_seconds),
        }
    if trigger.hook:
        typed |= {
            "path": trigger.hook.path,
            "signature": trigger.hook.preset,
            "filter": trigger.hook.filter or "",
            "events": " ".join(trigger.hook.events),
            "topicArns": " ".join(trigger.hook.topics),
            "secret": "",
            "earlier": "kept" if len(trigger.hook.sealed) > 1 else "",
        }
    if trigger.ticket:
        typed |= {
            "source": trigger.ticket.source,
            "labels": ", ".join(trigger.ticket.labels),
            **forms.chosen(includeBacklog=trigger.ticket.include_backlog),
        }
    return typed


def _page(visit: Visit, owner: Blueprint, trigger: Trigger, error: DomainError | None) -> Response:
    found = save_warnings.find_trigger_warnings(wiring.world(), owner, trigger)
    return visit.form_page(
        "trigger.html",
        error,
        _typed(trigger),
        thing=owner,
        trigger=trigger,
        warnings=forms.warned(found),
        offered=_offered_token(visit, trigger),
    )


def _offered_token(visit: Visit, trigger: Trigger) -> str | None:
    """Return the verification token to confirm; only an admin may see it."""
    hook = trigger.hook
    if hook is None or hook.offered is None or hook.sealed or not visit.may("admin"):
        return None
    return wiring.world().seals.open(hook.offered, trigger.id)


def save(visit: Visit, task_id: str, trigger_id: str) -> Response:
    """Save the submitted trigger; settings that the form does not show stay."""
    owner, was = _found(task_id, trigger_id)
    try:
        typed = Typed({**visit.form, "trigger": was.type.value})
        body = forms.trigger(typed)
        body.setdefault("paramMapping", None)
        if was.schedule:
            body["config"] |= {"startAt": was.schedule.start_at, "endAt": was.schedule.end_at}
        if was.ticket:
            kept = {"providerId": was.ticket.provider_id, "refire": was.ticket.refire}
            body["config"] |= kept
        new = reading.patched_trigger(was, body, owner, typed.faults)
        if was.hook and new.hook and SENDERS[new.hook.preset].check:
            rotating = visit.form.get("earlier") == "kept"
            new = replace(new, hook=new.hook.after(was.hook, rotating=rotating))
        definitions.change_trigger(wiring.world(), was, new)
    except (Invalid, Conflict) as error:
        return _page(visit, owner, was, error)
    return visit.go("tasks", "scheduled", owner.id, done="trigger-saved")
