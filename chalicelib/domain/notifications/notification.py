"""Notices: the content of notifications. Ids, names, titles, states, error classes and links.

They contain no prompt, payload, program output or secret, because readers of a channel may not be
allowed to see those.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.firing.firing import Firing, Outcome, Skip
from chalicelib.domain.ids import ID_NAMESPACE, format_moment
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State


class Event(StrEnum):
    """The types of notifications."""

    COMPLETED = "task.completed"
    FAILED = "task.failed"
    NEEDS_ATTENTION = "task.needs_attention"
    PR_OPENED = "task.pr_opened"
    SKIPPED = "trigger.skipped"
    MISSED = "trigger.missed"
    UNFIRED = "trigger.failed"
    PAUSED = "definition.paused"
    TEST = "webhook.test"

    @property
    def state_after(self) -> State:
        """The state that a task's event reports."""
        return State(self.value.removeprefix("task."))


_OF_STATE = {
    State.COMPLETED: Event.COMPLETED,
    State.FAILED: Event.FAILED,
    State.NEEDS_ATTENTION: Event.NEEDS_ATTENTION,
}
_WHY_UNFIRED = ("bad params", "bad template")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One event, as all its subscribers receive it."""

    id: str
    event: Event
    at: datetime
    data: dict[str, object]

    @property
    def to_json(self) -> str:
        """The body of a delivery in the format of Standard Webhooks."""
        body = {"type": self.event.value, "timestamp": format_moment(self.at), "data": self.data}
        return json.dumps(body, ensure_ascii=False)


def event_of_move(was: Run, new: Run) -> Event | None:
    """Return the event of a state change, or None. Each pull request is reported as opened once."""
    if new.state is State.PR_OPENED:
        return Event.PR_OPENED if new.pr_number != was.pr_number else None
    return _OF_STATE.get(new.state)


def event_of_firing(firing: Firing) -> Event | None:
    """Return the event of a ledger record, if a trigger fired nothing; otherwise None."""
    if firing.trigger_id is None or firing.outcome is Outcome.FIRED:
        return None
    if firing.outcome is Outcome.FAILED:
        return Event.UNFIRED
    return Event.MISSED if firing.reason == Skip.MISSED else Event.SKIPPED


def notification_id(event: Event, of: str, entry: str) -> str:
    """Return the id of a notice, which is the same however often the event is processed."""
    return str(uuid.uuid5(ID_NAMESPACE, f"notice#{event.value}#{of}#{entry}"))


def run_notification(
    notification_id: str, event: Event, at: datetime, run: Run, base: str | None
) -> Notification:
    """Return the notice of a state change. Its state is that of the event, not the run's latest."""
    failed = event in (Event.FAILED, Event.NEEDS_ATTENTION)
    task: dict[str, object] = {
        "id": run.id,
        "type": run.type,
        "title": run.title,
        "state": event.state_after.value,
        "attempt": run.attempt,
        "errorClass": run.error_class if failed else None,
        "prUrl": run.pr_url,
        "url": _dashboard_link(base, "tasks", run.id),
    }
    blueprint = run.blueprint_id and _name_and_link(base, run.blueprint_id, run.blueprint_name)
    data: dict[str, object] = {"task": task, "definition": blueprint, "triggerId": run.trigger_id}
    return Notification(id=notification_id, event=event, at=at, data=data)


def firing_notification(
    notification_id: str,
    event: Event,
    firing: Firing,
    blueprint: Blueprint | None,
    base: str | None,
) -> Notification:
    """Return the notice of an occurrence, or of a gap of several, that fired nothing."""
    reason = firing.reason or ""
    if firing.outcome is Outcome.FAILED:
        # The text after the colon quotes the params.
        begun = reason.partition(":")[0]
        reason = begun if begun in _WHY_UNFIRED else "failed"
    firing_data = {
        "id": firing.id,
        "occurrence": firing.occurrence,
        "until": firing.until,
        "count": firing.count or 1,
        "outcome": firing.outcome.value,
        "reason": reason,
    }
    blueprint_link = blueprint and _name_and_link(base, blueprint.id, blueprint.name)
    trigger = {"id": firing.trigger_id, "type": firing.trigger_type}
    data: dict[str, object] = {
        "firing": firing_data,
        "trigger": trigger,
        "definition": blueprint_link,
    }
    return Notification(id=notification_id, event=event, at=firing.fired_at, data=data)


def pause_notification(
    notification_id: str, at: datetime, blueprint: Blueprint, run: Run, base: str | None
) -> Notification:
    """Return the notice that the circuit breaker paused a blueprint after the failure of `run`."""
    data: dict[str, object] = {
        "definition": _name_and_link(base, blueprint.id, blueprint.name),
        "reason": "failures",
        "errorClass": run.error_class,
        "task": {"id": run.id, "title": run.title, "url": _dashboard_link(base, "tasks", run.id)},
    }
    return Notification(id=notification_id, event=Event.PAUSED, at=at, data=data)


def ping_notification(
    notification_id: str, at: datetime, webhook: str, base: str | None
) -> Notification:
    """Return the notice that tests a webhook endpoint."""
    url = _dashboard_link(base, "settings", "webhooks", webhook)
    data: dict[str, object] = {"webhookId": webhook, "url": url}
    return Notification(id=notification_id, event=Event.TEST, at=at, data=data)


def _name_and_link(base: str | None, blueprint: str, name: str | None) -> dict[str, object]:
    url = _dashboard_link(base, "tasks", "scheduled", blueprint)
    return {"id": blueprint, "name": name, "url": url}


def _dashboard_link(base: str | None, *parts: str) -> str | None:
    """Return a URL of the dashboard, if the stage knows its own address."""
    return "/".join((base, *parts)) if base else None
