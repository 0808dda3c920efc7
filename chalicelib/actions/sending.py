"""Messages for what is due soon. One function for every kind of row."""

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
"""How much later than planned a tick may come; what is due by then was sent by its committer."""


def send_soon(world: World, rows: Iterable[Timed]) -> None:
    """Send the message of each committed row whose moment the next tick would see too late."""
    horizon = world.now() + world.policy.interval + SLACK
    found = [(row, _moment(row)) for row in rows]
    send(world, [_due(row, moment) for row, moment in found if moment and moment < horizon])


def send(world: World, rows: Iterable[Due]) -> None:
    """Send one message for each due row, so that it arrives at its moment and never before."""
    now = world.now()
    found = list(rows)
    for kind in ("trigger", "run", "provider", "delivery"):
        messages = [(_message(row), _delay(row.at, now)) for row in found if row.kind == kind]
        if messages:
            _queue(world, kind).send(messages)


def send_admit(world: World, queue_keys: Iterable[str]) -> None:
    """Ask for the admission of what waits behind each key: a slot was freed, or a run came."""
    messages = [({"step": "admit", "key": key}, timedelta(0)) for key in dict.fromkeys(queue_keys)]
    if messages:
        world.steps_queue.send(messages)


def reached(world: World, at: datetime) -> bool:
    """Whether a moment has come; what a message's delay cannot express, under a second, is waited.

    So nothing is ever early, and little is late.
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
    """Whole seconds, rounded down, so that the rest is waited out by the one who acts."""
    seconds = (at - now) // timedelta(seconds=1)
    return min(LONGEST_DELAY, timedelta(seconds=max(0, seconds)))
