"""Telling others: what was promised becomes deliveries, and deliveries are tried.

In a function of its own, so that however many answer slowly, or never, tasks find places to run in.
"""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import delivering, notifying
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.step(queue=settings.queue("notify"))
def notify(message: Message) -> None:
    """Do one step of telling others. A message is a hint: it may come late, twice or never."""
    if message["step"] == "tell":
        notifying.tell(wiring.world(), message)
    else:
        delivering.deliver(wiring.world(), message["webhookId"], message["place"])
