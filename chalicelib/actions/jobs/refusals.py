"""Rejects claimed runs that cannot start, because a token, brief or secret is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.runs import transitions
from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World

RETRY_DELAY = timedelta(seconds=30)


def refuse_without_token(world: World, run: Run, error: ForgeError) -> None:
    """Let a run wait for an unavailable forge, or fail it with instructions for a person.

    It waits indefinitely, and retries less often the longer it has waited.
    """
    if error.passes:
        waited = world.now() - (run.queued_at or run.created_at)
        transitions.requeue_run(
            world,
            run,
            by="admission",
            message=str(error),
            backoff=max(error.wait or RETRY_DELAY, min(trigger_failures.MAX_BACKOFF, waited / 2)),
            waiting_for="the forge",
        )
        return
    message = f"the forge did not provide a token: {error}"
    transitions.fail_run(world, run, by="admission", error_class=error.error_class, message=message)


def refuse_without_brief(world: World, run: Run) -> None:
    """Fail a run whose prompt and params are no longer stored."""
    message = "its prompt is no longer stored, because the task is too old: start a new one"
    transitions.fail_run(
        world, run, by="admission", error_class=ErrorClass.BRIEF_GONE, message=message
    )


def refuse_without_secrets(world: World, run: Run, lacking: Sequence[str]) -> None:
    """Fail a run with missing secrets before any of its work begins."""
    names = ", ".join(repr(name) for name in lacking)
    message = f"missing secret {names}: store it with PUT /api/secrets/{lacking[0]}, then retry"
    transitions.fail_run(
        world, run, by="admission", error_class=ErrorClass.MISSING_SECRET, message=message
    )
