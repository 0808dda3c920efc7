"""Notification steps: announced changes become deliveries, and deliveries are attempted.

They have a function of their own, so that slow or silent receivers do not take capacity from runs.
"""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import delivering, notifying
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.step(queue=settings.queue("notify"))
def notify(message: Message) -> None:
    """Process one notification message. It is a hint: it may come late, twice or never."""
    if message["step"] == "tell":
        notifying.tell(wiring.world(), message)
    else:
        delivering.deliver(wiring.world(), message["webhookId"], message["place"])
