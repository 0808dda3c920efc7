"""Notifications: every announced change that was written is delivered, and no other.

Before a change is written, a message announces it. Nothing needs to be done after the write, so no
crash can lose the notification. The receiver of the message checks whether the change was written.
If so, each subscribed endpoint gets a delivery whose id is derived from the change, so that a
repeated message adds none. If not, the check is repeated for some minutes, and then the
announcement is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.actions import due_messages
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import Firing
from chalicelib.domain.ids import BlueprintId, FiringId, RunId
from chalicelib.domain.messages import ResolveAnnouncement
from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications import notification as notices
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World

log = logging.getLogger(__name__)
ANNOUNCEMENT_HEAD_START = timedelta(seconds=2)
"""The time within which a change is usually written."""
RESOLVE_RETRY_INTERVAL = timedelta(seconds=30)
"""The delay of the second check for an announced change; each later delay is twice as long."""
MAX_RESOLVE_TIME = timedelta(minutes=10)
"""The time for which an announced change is checked: longer than any function may take to write it.
"""
OUTAGE_DELAY = timedelta(minutes=5)
"""The delay of a check that a temporary outage prevented."""


def announce_move(world: World, was: Run, new: Run) -> None:
    """Announce the notification of a state change that is about to be written."""
    event = notices.event_of_move(was, new)
    if event:
        _announce(world, event, new.id, new.history[-1].id)


def announce_firings(world: World, records: Iterable[Firing]) -> None:
    """Announce the notifications of ledger records that are about to be written."""
    for record in records:
        event = notices.event_of_firing(record)
        if event:
            _announce(world, event, record.id, "")


def announce_pause(world: World, blueprint_id: BlueprintId, run: Run) -> None:
    """Announce that a blueprint is about to be paused because of a failed run."""
    _announce(world, Event.PAUSED, blueprint_id, run.history[-1].id, run=run.id)


def _announce(world: World, event: Event, of: str, entry: str, run: RunId | None = None) -> None:
    if not any(
        webhook.is_subscribed_to(event) for webhook in world.webhook_endpoints.list_cached()
    ):
        return
    until = (world.now() + MAX_RESOLVE_TIME).isoformat()
    message = ResolveAnnouncement(event.value, of, entry, until, run)
    world.notify_queue.send_messages([(message, ANNOUNCEMENT_HEAD_START)])


def resolve_intent(world: World, message: ResolveAnnouncement) -> None:
    """Create a delivery of an announced change for each subscribed endpoint. Safe to repeat.

    During a temporary outage the message is sent again. Otherwise SQS would move it to the dead
    letters after ten receives, which takes less time than an outage may.
    """
    try:
        _deliver_if_written(world, message)
    except Exception as error:
        if not world.is_transient(error):
            raise
        log.exception("announced change not checked", extra={"of": message.of})
        world.notify_queue.send_messages([(message, OUTAGE_DELAY)])


def _deliver_if_written(world: World, message: ResolveAnnouncement) -> None:
    notification = _resolve_notification(world, message)
    if notification is None:
        until, now = datetime.fromisoformat(message.until), world.now()
        if now < until:
            promised_since = now - (until - MAX_RESOLVE_TIME)
            world.notify_queue.send_messages(
                [(message, max(RESOLVE_RETRY_INTERVAL, promised_since))]
            )
        else:
            log.info(
                "announced change not written",
                extra={"event": message.event, "of": message.of},
            )
        return
    wanting = [
        webhook
        for webhook in world.webhook_endpoints.list_all()
        if webhook.is_subscribed_to(notification.event)
    ]
    new_deliveries = [
        deliveries.delivery_for(webhook.id, notification, world.now()) for webhook in wanting
    ]
    due_messages.enqueue_if_due_soon(
        world, [delivery for delivery in new_deliveries if world.deliveries.add(delivery)]
    )


def _resolve_notification(world: World, message: ResolveAnnouncement) -> Notification | None:
    """Return the notice of an announced change, if it was written, otherwise None.

    It is built from stored data only, its time included, so two announcements of one change yield
    the same notice.
    """
    event, of, entry = Event(message.event), message.of, message.entry
    name, base = notices.notification_id(event, of, entry), world.policy.public_url
    try:
        if event.value.startswith("trigger."):
            return _unfired_notification(world, name, event, FiringId(of))
        run = world.runs.get(message.run or RunId(of))
        state = State.FAILED if event is Event.PAUSED else event.state_after
        moved = [
            event_entry
            for event_entry in run.history
            if event_entry.id == entry and event_entry.to_state is state
        ]
        if not moved:
            return None
        at = moved[0].created_at
        if event is not Event.PAUSED:
            return notices.run_notification(name, event, at, run, base)
        blueprint = world.blueprints.get(BlueprintId(of))
        broke = blueprint.broken_by == entry
        return notices.pause_notification(name, at, blueprint, run, base) if broke else None
    except NotFound:
        return None


def _unfired_notification(
    world: World, name: str, event: Event, firing_id: FiringId
) -> Notification | None:
    record = world.firings.get(firing_id)
    if notices.event_of_firing(record) is not event:
        return None
    try:
        blueprint = world.blueprints.get(record.blueprint_id or BlueprintId(""))
    except NotFound:
        blueprint = None
    return notices.firing_notification(name, event, record, blueprint, world.policy.public_url)
