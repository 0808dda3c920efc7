"""Steps of a run that call no forge and no tracker: its admission and its watchdog."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import due_messages
from chalicelib.actions.runs import admission, step_failures
from chalicelib.actions.scheduler import run_due
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.on_message(queue=settings.queue_name("steps"))
def advance(message: Message) -> None:
    """Process one message. It is a hint: it may come late, twice or never."""
    world = wiring.get_world()
    if message["step"] == "admit":
        with step_failures.left_to_ticks(world, "admit"):
            admission.admit_queue(world, message["key"])
    elif message["step"] == "sync":
        due_messages.hand_on(world, [message])  # sent before there was a queue of its own for it
    else:
        step_failures.step_of_run(world, message["runId"], run_due.handle_due_run)
