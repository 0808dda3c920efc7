"""Rejects claimed runs that cannot start, because a token, brief or secret is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.actions import failing, moving
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.run import Run
from chalicelib.ports import World

BACKOFF = timedelta(seconds=30)


def without_token(world: World, run: Run, error: ForgeError) -> None:
    """Let a run wait for an unavailable forge, or fail it with instructions for a person.

    It waits indefinitely, and retries less often the longer it has waited.
    """
    if error.passes:
        waited = world.now() - (run.queued_at or run.created_at)
        moving.requeue(
            world,
            run,
            by="admission",
            message=str(error),
            backoff=max(error.wait or BACKOFF, min(failing.LONGEST_BACKOFF, waited / 2)),
            waiting_for="the forge",
        )
        return
    message = f"the forge did not provide a token: {error}"
    moving.fail(world, run, by="admission", error_class=f"forge_{error.kind}", message=message)


def without_brief(world: World, run: Run) -> None:
    """Fail a run whose prompt and params are no longer stored."""
    message = "its prompt is no longer stored, because the task is too old: start a new one"
    moving.fail(world, run, by="admission", error_class="brief_gone", message=message)


def without_secrets(world: World, run: Run, lacking: Sequence[str]) -> None:
    """Fail a run with missing secrets before any of its work begins."""
    names = ", ".join(repr(name) for name in lacking)
    message = f"missing secret {names}: store it with PUT /api/secrets/{lacking[0]}, then retry"
    moving.fail(world, run, by="admission", error_class="missing_secret", message=message)
