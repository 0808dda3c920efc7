"""The page that edits a trigger."""

from __future__ import annotations

from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints, save_warnings
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.triggers.trigger import OnSchedule, OnTicket, OnWebhook, Trigger
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.web import task_requests
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.contexts.editors import EditTriggerPage, describe_saved_secrets
from chalicelib.web.pages.filters import format_json_value
from chalicelib.web.pages.form import SubmittedForm
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import firings, tasks


def _find_trigger(task_id: str, trigger_id: str) -> tuple[Blueprint, Trigger]:
    world = wiring.get_world()
    owner = tasks.get_blueprint(world, BlueprintId(parse_id("task", task_id)))
    return owner, blueprints.get_trigger(
        world, owner.id, TriggerId(parse_id("trigger", trigger_id))
    )


def show_trigger(visit: PageRequest, task_id: str, trigger_id: str) -> Response:
    """Show the form with the saved values."""
    owner, trigger = _find_trigger(task_id, trigger_id)
    return _render_page(visit, owner, trigger, None)


def _form_values(trigger: Trigger) -> dict[str, str]:
    values = {"trigger": trigger.type.value}
    values["paramMapping"] = (
        format_json_value(trigger.param_mapping) if trigger.param_mapping else ""
    )
    if isinstance(trigger, OnSchedule):
        values |= {
            "cronExpression": trigger.schedule.cron,
            "timezone": trigger.schedule.timezone,
            "overlapPolicy": trigger.schedule.overlap.value,
            "catchUpPolicy": trigger.schedule.catch_up.value,
            "jitterSeconds": str(trigger.schedule.jitter_seconds),
        }
    if isinstance(trigger, OnWebhook):
        values |= {
            "path": trigger.webhook.path,
            "signature": trigger.webhook.preset,
            "filter": trigger.webhook.filter or "",
            "events": " ".join(trigger.webhook.events),
            "topicArns": " ".join(trigger.webhook.topics),
            "secret": "",
            "earlier": "kept" if len(trigger.webhook.sealed) > 1 else "",
        }
    if isinstance(trigger, OnTicket):
        values |= {
            "source": trigger.ticket.source,
            "labels": ", ".join(trigger.ticket.labels),
            **forms.flag_values(includeBacklog=trigger.ticket.include_backlog),
        }
    return values


def _render_page(
    visit: PageRequest, owner: Blueprint, trigger: Trigger, error: DomainError | None
) -> Response:
    warnings = save_warnings.find_trigger_warnings(wiring.get_world(), owner, trigger)
    secrets = len(trigger.webhook.sealed) if isinstance(trigger, OnWebhook) else 0
    page = EditTriggerPage(
        form=visit.form_state(error, _form_values(trigger)),
        blueprint_id=owner.id,
        blueprint_name=owner.name,
        trigger_kind=trigger.type.value,
        saved_secrets=describe_saved_secrets(secrets),
        offered_token=_offered_token(visit, trigger),
        warnings=forms.warning_notes(warnings),
    )
    return visit.show_form(page, error)


def _offered_token(visit: PageRequest, trigger: Trigger) -> str | None:
    """Return the verification token to confirm; only an admin may see it."""
    if not visit.may_use("admin"):
        return None
    return firings.read_offered_token(wiring.get_world(), trigger)


def _rotate_secrets(was: OnWebhook, new: OnWebhook, *, rotating: bool) -> OnWebhook:
    """Return the new trigger, which accepts its earlier secrets during a rotation."""
    if SENDERS[new.webhook.preset].check is None:
        return new
    return replace(new, webhook=new.webhook.keep_rotated_secrets(was.webhook, rotating=rotating))


def save_trigger(visit: PageRequest, task_id: str, trigger_id: str) -> Response:
    """Save the submitted trigger; settings that the form does not show stay."""
    owner, was = _find_trigger(task_id, trigger_id)
    try:
        submitted = SubmittedForm({**visit.form, "trigger": was.type.value})
        body = forms.trigger_body(submitted)
        body.setdefault("paramMapping", None)
        if isinstance(was, OnSchedule):
            body["config"] |= {"startAt": was.schedule.start_at, "endAt": was.schedule.end_at}
        if isinstance(was, OnTicket):
            hidden_settings = {"providerId": was.ticket.provider_id, "refire": was.ticket.refire}
            body["config"] |= hidden_settings
        world = wiring.get_world()
        new = task_requests.edit_trigger(world, owner, was, body, submitted.faults)
        if isinstance(was, OnWebhook) and isinstance(new, OnWebhook):
            new = _rotate_secrets(was, new, rotating=visit.form.get("earlier") == "kept")
        blueprints.change_trigger(world, was, new)
    except (Invalid, Conflict) as error:
        return _render_page(visit, owner, was, error)
    return visit.redirect_to("tasks", "scheduled", owner.id, done="trigger-saved")
