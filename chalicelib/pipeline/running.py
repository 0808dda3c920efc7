"""Steps of a run: admission, and whatever its state calls for when its moment has come."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import admission, watching
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.step(queue=settings.queue("steps"))
def advance(message: Message) -> None:
    """Do one step. A message is a hint: it may come late, twice or never."""
    world = wiring.world()
    if message["step"] == "admit":
        admission.admit(world, message["key"])
    else:
        watching.look_after(world, message["runId"])
