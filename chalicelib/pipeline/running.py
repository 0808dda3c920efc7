"""Steps of runs: admission, and the work that is due for a run's state."""

from __future__ import annotations

import logging

from chalicelib import wiring
from chalicelib.actions import admission, failing, syncing, watching
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.ports import World
from chalicelib.settings import settings

log = logging.getLogger(__name__)
steps = Steps(__name__)


@steps.step(queue=settings.queue("steps"))
def advance(message: Message) -> None:
    """Process one message. It is a hint: it may come late, twice or never."""
    world = wiring.world()
    if message["step"] in ("admit", "sync"):
        _try(world, message)
        return
    try:
        watching.look_after(world, message["runId"])
    except Exception as error:
        log.exception("run not looked after", extra={"run": message["runId"]})
        failing.run_failed(world, message["runId"], error)


def _try(world: World, message: Message) -> None:
    """Admit or sync. A temporary failure ends the message, because ticks find the work again.

    Otherwise the message would return ten times within an hour, and end in the dead-letter queue.
    """
    try:
        if message["step"] == "admit":
            admission.admit(world, message["key"])
        else:
            syncing.sync(world, message["providerId"])
    except Exception as error:
        if not world.passes(error):
            raise
        log.exception("step left to the next tick", extra={"step": message["step"]})
