"""Notification steps: announced changes become deliveries, and deliveries are attempted.

They have a function of their own, so that slow or silent receivers do not take capacity from runs.
"""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.notifications import announce, deliver
from chalicelib.domain import messages
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.on_message(queue=settings.queue_name("notify"))
def notify(message: messages.ResolveAnnouncement | messages.DeliverNotification) -> None:
    """Process one notification message. It is a hint: it may come late, twice or never."""
    match message:
        case messages.ResolveAnnouncement():
            announce.resolve_intent(wiring.get_world(), message)
        case messages.DeliverNotification(webhook_id, list_position):
            deliver.deliver_next(wiring.get_world(), webhook_id, list_position)
