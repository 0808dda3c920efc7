"""Messages for rows that are due soon; one function serves all kinds of rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.provider import Provider
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Due, Queue, World

Timed = Trigger | Run | Provider | Delivery
LONGEST_DELAY = timedelta(seconds=900)
SHORT_WAIT = timedelta(seconds=1.5)
SLACK = timedelta(seconds=15)
"""The possible delay of a tick. Rows due by then get their message when they are committed."""


def send_soon(world: World, rows: Iterable[Timed]) -> None:
    """Send the messages of committed rows that are due before the next tick can send them."""
    horizon = world.now() + world.policy.interval + SLACK
    found = [(row, _moment(row)) for row in rows]
    send(world, [_due(row, moment) for row, moment in found if moment and moment < horizon])


def send(world: World, rows: Iterable[Due]) -> None:
    """Send one message for each due row, delayed so that it does not arrive before its due time."""
    now = world.now()
    found = list(rows)
    for kind in ("trigger", "run", "provider", "delivery"):
        messages = [(_message(row), _delay(row.at, now)) for row in found if row.kind == kind]
        if messages:
            _queue(world, kind).send(messages)


def send_admit(world: World, queue_keys: Iterable[str]) -> None:
    """Request admissions for each queue, after a slot was freed or a run was queued."""
    messages = [({"step": "admit", "key": key}, timedelta(0)) for key in dict.fromkeys(queue_keys)]
    if messages:
        world.steps_queue.send(messages)


def reached(world: World, at: datetime) -> bool:
    """Return whether a time has come; wait for it if it is at most `SHORT_WAIT` ahead.

    Message delays are whole seconds. Waiting for the rest makes nothing early and little late.
    """
    rest = at - world.now()
    if timedelta(0) < rest <= SHORT_WAIT:
        world.wait(rest)
        rest = at - world.now()
    return rest <= timedelta(0)


def _queue(world: World, kind: str) -> Queue:
    if kind == "delivery":
        return world.notify_queue
    return world.fire_queue if kind == "trigger" else world.steps_queue


def _moment(row: Timed) -> datetime | None:
    return row.wakes_at if isinstance(row, Run) else row.due_at


def _due(row: Timed, at: datetime) -> Due:
    if isinstance(row, Delivery):
        return Due("delivery", row.place, at, webhook_id=row.webhook_id)
    if isinstance(row, Trigger):
        return Due("trigger", row.id, at, row.definition_id)
    return Due("provider" if isinstance(row, Provider) else "run", row.id, at)


def _message(row: Due) -> dict[str, str]:
    if row.kind == "trigger":
        return {"triggerId": row.id, "definitionId": row.definition_id or ""}
    if row.kind == "provider":
        return {"step": "sync", "providerId": row.id}
    if row.kind == "delivery":
        return {"step": "deliver", "webhookId": row.webhook_id or "", "place": row.id}
    return {"step": "run", "runId": row.id}


def _delay(at: datetime, now: datetime) -> timedelta:
    """Return the delay in whole seconds, rounded down; the receiver waits for the rest."""
    seconds = (at - now) // timedelta(seconds=1)
    return min(LONGEST_DELAY, timedelta(seconds=max(0, seconds)))
