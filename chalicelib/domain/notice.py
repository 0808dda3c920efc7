"""Notices: what others are told of. Ids, names, titles, states and classes, and links.

No prompt, payload, message of a program, or secret: whoever may read a channel may not read those.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import SPACE, Firing, Outcome, Skip, moment_text
from chalicelib.domain.run import Run, State


class Event(StrEnum):
    """What can be told."""

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
    def state(self) -> State:
        """The state that an event of a task leads to."""
        return State(self.value.removeprefix("task."))


_OF_STATE = {
    State.COMPLETED: Event.COMPLETED,
    State.FAILED: Event.FAILED,
    State.NEEDS_ATTENTION: Event.NEEDS_ATTENTION,
}
_WHY_UNFIRED = ("bad params", "bad template")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing that happened, as everybody who wants to know is told of it."""

    id: str
    event: Event
    at: datetime
    data: dict[str, object]

    @property
    def text(self) -> str:
        """The body of a delivery, as Standard Webhooks proposes it."""
        body = {"type": self.event.value, "timestamp": moment_text(self.at), "data": self.data}
        return json.dumps(body, ensure_ascii=False)


def event_of_move(was: Run, new: Run) -> Event | None:
    """Return the event that a move is; a pull request is opened once, however often it moves."""
    if new.state is State.PR_OPENED:
        return Event.PR_OPENED if new.pr_number != was.pr_number else None
    return _OF_STATE.get(new.state)


def event_of_firing(firing: Firing) -> Event | None:
    """Return the event that a record of the ledger is, if a trigger fired nothing."""
    if firing.trigger_id is None or firing.outcome is Outcome.FIRED:
        return None
    if firing.outcome is Outcome.FAILED:
        return Event.UNFIRED
    return Event.MISSED if firing.reason == Skip.MISSED else Event.SKIPPED


def notice_id(event: Event, of: str, entry: str) -> str:
    """Return the id of a notice: the same one, however often what happened is looked at."""
    return str(uuid.uuid5(SPACE, f"notice#{event.value}#{of}#{entry}"))


def of_run(notice: str, event: Event, at: datetime, run: Run, base: str | None) -> Notice:
    """Return the notice of a move; the state is the one that it led to, whatever came since."""
    failed = event in (Event.FAILED, Event.NEEDS_ATTENTION)
    task: dict[str, object] = {
        "id": run.id,
        "type": run.type,
        "title": run.title,
        "state": event.state.value,
        "attempt": run.attempt,
        "errorClass": run.error_class if failed else None,
        "prUrl": run.pr_url,
        "url": _link(base, "tasks", run.id),
    }
    definition = run.definition_id and _named(base, run.definition_id, run.definition_name)
    data: dict[str, object] = {"task": task, "definition": definition, "triggerId": run.trigger_id}
    return Notice(id=notice, event=event, at=at, data=data)


def of_firing(
    notice: str, event: Event, firing: Firing, definition: Blueprint | None, base: str | None
) -> Notice:
    """Return the notice of an occurrence that fired nothing, or of a gap of several."""
    reason = firing.reason or ""
    if firing.outcome is Outcome.FAILED:
        # What follows the colon quotes the params.
        begun = reason.partition(":")[0]
        reason = begun if begun in _WHY_UNFIRED else "failed"
    told = {
        "id": firing.id,
        "occurrence": firing.occurrence,
        "until": firing.until,
        "count": firing.count or 1,
        "outcome": firing.outcome.value,
        "reason": reason,
    }
    named = definition and _named(base, definition.id, definition.name)
    trigger = {"id": firing.trigger_id, "type": firing.trigger_type}
    data: dict[str, object] = {"firing": told, "trigger": trigger, "definition": named}
    return Notice(id=notice, event=event, at=firing.fired_at, data=data)


def of_pause(
    notice: str, at: datetime, definition: Blueprint, run: Run, base: str | None
) -> Notice:
    """Return the notice of a definition that the breaker paused, and of the run that did it."""
    data: dict[str, object] = {
        "definition": _named(base, definition.id, definition.name),
        "reason": "failures",
        "errorClass": run.error_class,
        "task": {"id": run.id, "title": run.title, "url": _link(base, "tasks", run.id)},
    }
    return Notice(id=notice, event=Event.PAUSED, at=at, data=data)


def of_test(notice: str, at: datetime, webhook: str, base: str | None) -> Notice:
    """Return the notice that tries a webhook out."""
    url = _link(base, "settings", "webhooks", webhook)
    data: dict[str, object] = {"webhookId": webhook, "url": url}
    return Notice(id=notice, event=Event.TEST, at=at, data=data)


def _named(base: str | None, definition: str, name: str | None) -> dict[str, object]:
    url = _link(base, "tasks", "scheduled", definition)
    return {"id": definition, "name": name, "url": url}


def _link(base: str | None, *parts: str) -> str | None:
    """Return where the dashboard shows it, if the stage knows its own address."""
    return "/".join((base, *parts)) if base else None
