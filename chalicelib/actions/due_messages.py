"""Messages for rows that are due soon; one function serves all kinds of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from chalicelib.domain.ids import BlueprintId, QueueKey, RunId, TriggerId
from chalicelib.domain.messages import (
    AdmitQueue,
    ConsultForge,
    DeliverNotification,
    FireTrigger,
    HandleRun,
    StepMessage,
    SyncProvider,
)
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.page import Cursor
from chalicelib.domain.runs.run import Run
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports import MAX_MESSAGE_DELAY, DueRow, MessageQueue, World

TimedRow = Trigger | Run | TicketProvider | Delivery
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
MAX_WAIT = timedelta(seconds=1.5)
TICK_MARGIN = timedelta(seconds=15)
"""The possible delay of a tick. Rows due by then get their message when they are committed."""


def enqueue_if_due_soon(world: World, rows: Iterable[TimedRow]) -> None:
    """Send the messages of committed rows that are due before the next tick can send them."""
    horizon = world.now() + world.policy.tick_interval + TICK_MARGIN
    enqueue_rows(world, [due for row in rows for due in _dues(row) if due.at < horizon])


def enqueue_rows(world: World, rows: Iterable[DueRow]) -> None:
    """Send one message for each due row, delayed so that it does not arrive before its due time.

    The index of due rows does not show which step of a run is due: `advance` hands on the others.
    """
    now = world.now()
    row_list = list(rows)
    for kind, queue in QUEUES.items():
        messages = [
            (_message_for(row), _whole_seconds_until(row.at, now))
            for row in row_list
            if row.kind == kind
        ]
        if messages:
            _queue_for(world, queue).send_messages(messages)


def enqueue_admissions(world: World, queue_keys: Iterable[QueueKey]) -> None:
    """Request admissions for each queue, after a slot was freed or a run was queued."""
    messages = [(AdmitQueue(key), timedelta(0)) for key in dict.fromkeys(queue_keys)]
    if messages:
        world.steps_queue.send_messages(messages)


def wait_until_due(world: World, at: datetime) -> bool:
    """Return whether a time has come; wait for it if it is at most `MAX_WAIT` ahead.

    Message delays are whole seconds. Waiting for the rest makes nothing early and little late.
    """
    rest = at - world.now()
    if timedelta(0) < rest <= MAX_WAIT:
        world.wait(rest)
        rest = at - world.now()
    return rest <= timedelta(0)


def hand_on(world: World, messages: Iterable[StepMessage]) -> None:
    """Send messages to the function that calls forges and trackers."""
    world.remote_queue.send_messages([(message, timedelta(0)) for message in messages])


def _queue_for(world: World, name: str) -> MessageQueue:
    queue: MessageQueue = getattr(world, name)
    return queue


def _dues(row: TimedRow) -> Iterator[DueRow]:
    """Yield each moment of a row: a run may have two, at which different steps are due."""
    if isinstance(row, Run):
        moments = (("run", row.steps_at), ("consult", row.consults_at))
        yield from (DueRow(kind, row.id, at) for kind, at in moments if at)
    elif row.due_at is None:
        return
    elif isinstance(row, Delivery):
        yield DueRow("delivery", row.list_position, row.due_at, webhook_id=row.webhook_id)
    elif isinstance(row, Trigger):
        yield DueRow("trigger", row.id, row.due_at, row.blueprint_id)
    else:
        yield DueRow("provider", row.id, row.due_at)


def _message_for(row: DueRow) -> StepMessage:
    match row.kind:
        case "trigger":
            return FireTrigger(TriggerId(row.id), row.blueprint_id or BlueprintId(""))
        case "provider":
            return SyncProvider(row.id)
        case "delivery":
            return DeliverNotification(row.webhook_id or "", Cursor(row.id))
        case "consult":
            return ConsultForge(RunId(row.id))
        case _:
            return HandleRun(RunId(row.id))


def _whole_seconds_until(at: datetime, now: datetime) -> timedelta:
    """Return the delay in whole seconds, rounded down; the receiver waits for the rest."""
    seconds = (at - now) // timedelta(seconds=1)
    return min(MAX_MESSAGE_DELAY, timedelta(seconds=max(0, seconds)))
