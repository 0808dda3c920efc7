"""Steps that wait for a forge or a tracker, in a function of their own.

However long they wait, they delay no schedule, no admission and no watchdog.
"""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import consulting, failing, schedules, syncing
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.step(queue=settings.queue("remote"))
def consult(message: Message) -> None:
    """Do one step of these. A message is a hint: it may come late, twice or never."""
    world = wiring.world()
    if message["step"] == "fire":
        pair = (message["triggerId"], message["definitionId"])
        schedules.fire_due(world, [pair], may_ask_forge=True)
    elif message["step"] == "sync":
        with failing.left_to_ticks(world, "sync"):
            syncing.sync(world, message["providerId"])
    else:
        failing.step_of_run(world, message["runId"], consulting.consult)
