"""Steps of a run that call no forge and no tracker: its admission and its watchdog."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import admission, failing, sending, watching
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.step(queue=settings.queue("steps"))
def advance(message: Message) -> None:
    """Process one message. It is a hint: it may come late, twice or never."""
    world = wiring.world()
    if message["step"] == "admit":
        with failing.left_to_ticks(world, "admit"):
            admission.admit(world, message["key"])
    elif message["step"] == "sync":
        sending.hand_on(world, [message])  # sent before there was a queue of its own for it
    else:
        failing.step_of_run(world, message["runId"], watching.look_after)
