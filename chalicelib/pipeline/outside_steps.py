"""Steps that wait for a forge or a tracker, in a function of their own.

However long they wait, they delay no schedule, no admission and no watchdog.
"""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.firing import due_schedules
from chalicelib.actions.runs import step_failures
from chalicelib.actions.scheduler import outside_calls
from chalicelib.actions.tickets import sync
from chalicelib.domain import messages
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.on_message(queue=settings.queue_name("remote"))
def consult(message: messages.FireTrigger | messages.SyncProvider | messages.ConsultForge) -> None:
    """Do one step of these. A message is a hint: it may come late, twice or never."""
    world = wiring.get_world()
    match message:
        case messages.FireTrigger(trigger_id, blueprint_id):
            pairs = [(trigger_id, blueprint_id)]
            due_schedules.fire_due_triggers(world, pairs, may_ask_forge=True)
        case messages.SyncProvider(provider_id):
            with step_failures.left_to_ticks(world, "sync"):
                sync.sync_provider(world, provider_id)
        case messages.ConsultForge(run_id):
            step_failures.step_of_run(world, run_id, outside_calls.make_outside_call)
