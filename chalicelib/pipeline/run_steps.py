"""Steps of a run that call no forge and no tracker: its admission and its watchdog."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import due_messages
from chalicelib.actions.runs import admission, step_failures
from chalicelib.actions.scheduler import run_due
from chalicelib.domain import messages
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.on_message(queue=settings.queue_name("steps"))
def advance(message: messages.AdmitQueue | messages.HandleRun | messages.SyncProvider) -> None:
    """Process one message. It is a hint: it may come late, twice or never."""
    world = wiring.get_world()
    match message:
        case messages.AdmitQueue(queue_id):
            with step_failures.left_to_ticks(world, "admit"):
                admission.admit_queue(world, queue_id)
        case messages.HandleRun(run_id):
            step_failures.step_of_run(world, run_id, run_due.handle_due_run)
        case messages.SyncProvider():
            due_messages.hand_on(world, [message])  # sent before there was a queue of its own
