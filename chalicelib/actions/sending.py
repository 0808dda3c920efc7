"""Messages for rows that are due soon; one function serves all kinds of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.provider import Provider
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Due, Queue, World

Timed = Trigger | Run | Provider | Delivery
QUEUES = {
    "trigger": "fire_queue",
    "run": "steps_queue",
    "consult": "remote_queue",
    "provider": "remote_queue",
    "delivery": "notify_queue",
}
"""The queue of each kind of step.

A forge, a tracker or a receiver may answer late or never. Steps that wait for one have queues of
their own, so that they delay no other step.
"""
LONGEST_DELAY = timedelta(seconds=900)
SHORT_WAIT = timedelta(seconds=1.5)
SLACK = timedelta(seconds=15)
"""The possible delay of a tick. Rows due by then get their message when they are committed."""


def send_soon(world: World, rows: Iterable[Timed]) -> None:
    """Send the messages of committed rows that are due before the next tick can send them."""
    horizon = world.now() + world.policy.interval + SLACK
    send(world, [due for row in rows for due in _dues(row) if due.at < horizon])


def send(world: World, rows: Iterable[Due]) -> None:
    """Send one message for each due row, delayed so that it does not arrive before its due time.

    The index of due rows does not show which step of a run is due: `advance` hands on the others.
    """
    now = world.now()
    found = list(rows)
    for kind, queue in QUEUES.items():
        messages = [(_message(row), _delay(row.at, now)) for row in found if row.kind == kind]
        if messages:
            _queue(world, queue).send(messages)


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


def hand_on(world: World, messages: Iterable[dict[str, str]]) -> None:
    """Send messages to the function that calls forges and trackers."""
    world.remote_queue.send([(message, timedelta(0)) for message in messages])


def _queue(world: World, name: str) -> Queue:
    queue: Queue = getattr(world, name)
    return queue


def _dues(row: Timed) -> Iterator[Due]:
    """Yield each moment of a row: a run may have two, at which different steps are due."""
    if isinstance(row, Run):
        moments = (("run", row.steps_at), ("consult", row.consults_at))
        yield from (Due(kind, row.id, at) for kind, at in moments if at)
    elif row.due_at is None:
        return
    elif isinstance(row, Delivery):
        yield Due("delivery", row.place, row.due_at, webhook_id=row.webhook_id)
    elif isinstance(row, Trigger):
        yield Due("trigger", row.id, row.due_at, row.definition_id)
    else:
        yield Due("provider", row.id, row.due_at)


def _message(row: Due) -> dict[str, str]:
    if row.kind == "trigger":
        return {"triggerId": row.id, "definitionId": row.definition_id or ""}
    if row.kind == "provider":
        return {"step": "sync", "providerId": row.id}
    if row.kind == "delivery":
        return {"step": "deliver", "webhookId": row.webhook_id or "", "place": row.id}
    return {"step": row.kind, "runId": row.id}


def _delay(at: datetime, now: datetime) -> timedelta:
    """Return the delay in whole seconds, rounded down; the receiver waits for the rest."""
    seconds = (at - now) // timedelta(seconds=1)
    return min(LONGEST_DELAY, timedelta(seconds=max(0, seconds)))
