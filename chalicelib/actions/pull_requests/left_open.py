"""Pull requests left open by cancelled runs: recorded on the run, reported on its ticket."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import due_messages
from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.actions.runs import transitions
from chalicelib.domain.display_text import MAX_WAIT_REASON_LENGTH
from chalicelib.domain.errors import NotFound
from chalicelib.domain.ids import RunId
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequestState
from chalicelib.domain.runs.attempt import TicketComment
from chalicelib.domain.runs.run import Run, with_event
from chalicelib.domain.runs.state import State
from chalicelib.ports import World


def note_open(world: World, run_id: RunId, facts: Facts) -> None:
    """Record a pull request on a run that was cancelled while the pull request was being opened."""

    def noted_once() -> Run | None:
        run = world.runs.get(run_id)
        is_noted = (run.pr_number, run.pr_state) == (facts.number, PullRequestState.OPEN)
        if run.state is not State.CANCELLED or facts.state != PullRequestState.OPEN or is_noted:
            return None
        if _is_followed(world, run):
            return None
        new = _with_open(world, run, facts)
        world.runs.put(new, run)
        return new

    with suppress(NotFound):
        new = retry_on_conflict(f"task {run_id!r}", noted_once)
        due_messages.enqueue_if_due_soon(world, [new] if new else [])


def _is_followed(world: World, run: Run) -> bool:
    """Return whether another run tracks the pull request of this run's branch."""
    key = run.branch_key
    others = world.runs.get_many(sorted(world.run_sets.held_runs(key) - {run.id}))
    return any(other.has_open_pr for other in others)


def look_for_open(world: World, run: Run) -> None:
    """Check whether a run that was cancelled while publishing has left a pull request open."""
    try:
        forge = forge_credentials.open_forge_of(world, run.repo_url)
        facts = forge.find_pull_request(run.branch or run.push_branch, run.head_sha)
    except ForgeError as error:
        _retry_look(world, run, error)
        return
    transitions.update_run(world, run, due_at=None, waiting_for=None)
    if facts:
        note_open(world, run.id, facts)


def _retry_look(world: World, run: Run, error: ForgeError) -> None:
    failures = run.forge_failures + 1
    if error.passes:
        due = world.now() + max(
            error.wait or timedelta(0), trigger_failures.failure_backoff(failures)
        )
        transitions.update_run(
            world,
            run,
            forge_failures=failures,
            due_at=due,
            waiting_for=str(error)[:MAX_WAIT_REASON_LENGTH],
        )
        return
    message = f"could not check whether its pull request is open: {error}"
    final = with_event(
        run, by="pipeline", message=message, at=world.now(), due_at=None, waiting_for=None
    )
    world.runs.put(final, run)


def _with_open(world: World, run: Run, facts: Facts) -> Run:
    now = world.now()
    message = (
        f"pull request #{facts.number} is open although the task was cancelled: "
        "close it, or retry the task"
    )
    comment = run.reply
    if run.is_from_ticket:
        comment = replace(comment or TicketComment(), at=now, failures=0)
    return with_event(
        run,
        by="pipeline",
        message=message,
        at=now,
        due_at=None,
        waiting_for=None,
        pr_url=facts.url,
        pr_number=facts.number,
        pr_state=facts.state,
        reply=comment,
    )
