"""Steps of a run that wait for another server: its forge, or the tracker of its ticket."""

from __future__ import annotations

from contextlib import suppress

from chalicelib import log_context
from chalicelib.actions import due_messages
from chalicelib.actions.pull_requests import left_open, publish, track
from chalicelib.actions.runs import briefs
from chalicelib.actions.tickets import comments
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World


def make_outside_call(world: World, run_id: RunId) -> None:
    """Call the forge or tracker that a due run needs. A message too early or late does nothing.

    A message whose run has moved on also does nothing: the move has sent its own message.
    """
    try:
        run = world.runs.get(run_id)
    except NotFound:
        return
    if run.consults_at is None or not due_messages.wait_until_due(world, run.consults_at):
        return
    with log_context.log_context(run=run.id, firing=run.firing_id):
        if run.asks_forge and run.due_at and run.due_at <= world.now():
            with suppress(Superseded):
                _ask_forge(
                    world, briefs.keep_brief(world, run)
                )  # the one who moved it looks after it
            run = world.runs.get(run_id) if run.reply else run
        if run.reply and run.reply.at and run.reply.at <= world.now():
            comments.comment_on_ticket(world, run)


def _ask_forge(world: World, run: Run) -> None:
    if run.publishes:
        publish.publish_run(world, run)
    elif run.state is State.CANCELLED:
        left_open.look_for_open(world, run)
    else:
        track.track_pull_request(world, run)
