"""Failures of steps: repeatable failures are counted and back off; the tenth in a row ends it.

Temporary failures (throttling, conflicts, missing rights, an unavailable forge) are not counted.
The row stays due, so it is reported as overdue and the ticks send it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.actions import due_messages
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.runs import transitions
from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.ids import RunId
from chalicelib.ports import World

log = logging.getLogger(__name__)


@contextmanager
def left_to_ticks(world: World, step: str) -> Iterator[None]:
    """Let a failure that passes end the message: ticks find what it was for.

    It would otherwise come back ten times within an hour, and then lie among the dead letters.
    """
    try:
        yield
    except Exception as error:
        if not world.is_transient(error):
            raise
        log.exception("step left to the next tick", extra={"step": step})


def step_of_run(world: World, run_id: RunId, step: Callable[[World, RunId], None]) -> None:
    """Do a step of a run, and count its failure on the run."""
    try:
        step(world, run_id)
    except Exception as error:
        log.exception("run not looked after", extra={"run": run_id})
        count_run_failure(world, run_id, error)


def count_run_failure(world: World, run_id: RunId, error: Exception) -> None:
    """Count a failed step of a run and back off; fail the run after ten in a row.

    A run with a temporary failure stays due indefinitely.

    A run that is not due keeps its due time: the failed message had nothing to do, or failed after
    the step's own write. So a healthy runner is not declared lost because of a failed read. A run
    that publishes has no runner, and its due time may be the lease of the publish that failed.
    """
    if world.is_transient(error):
        return
    run = world.runs.get(run_id)
    now = world.now()
    if run.due_at is None or (run.due_at > now and not run.publishes):
        return
    failures = run.failures + 1
    if failures < trigger_failures.MAX_FAILURES:
        backed_off = transitions.update_run(
            world, run, failures=failures, due_at=now + trigger_failures.failure_backoff(failures)
        )
        due_messages.enqueue_if_due_soon(world, [backed_off])
        return
    reason = (
        f"a step of the pipeline failed {failures} times: {trigger_failures.failure_text(error)}"
    )
    if run.is_final:  # it was only processed for its follow-up work
        transitions.update_run(world, run, failures=failures, due_at=None, waiting_for=reason)
        return
    transitions.fail_run(world, run, by="pipeline", error_class=ErrorClass.INTERNAL, message=reason)
