"""Pull requests left open by cancelled runs: recorded on the run, reported on its ticket."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import credentials, failing, moving, sending
from chalicelib.actions.persisting import persist
from chalicelib.domain.errors import NotFound
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.history import Reply
from chalicelib.domain.pull_request import Facts
from chalicelib.domain.run import Run, State, branch_key, noted
from chalicelib.ports import World


def note_open(world: World, run_id: str, facts: Facts) -> None:
    """Record a pull request on a run that was cancelled while the pull request was being opened."""

    def noted_once() -> Run | None:
        run = world.runs.get(run_id)
        known = (run.pr_number, run.pr_state) == (facts.number, "open")
        if run.state is not State.CANCELLED or facts.state != "open" or known:
            return None
        if _is_followed(world, run):
            return None
        new = _with_open(world, run, facts)
        world.runs.put(new, run)
        return new

    with suppress(NotFound):
        new = persist(f"task {run_id!r}", noted_once)
        sending.send_soon(world, [new] if new else [])


def _is_followed(world: World, run: Run) -> bool:
    """Return whether another run tracks the pull request of this run's branch."""
    assert run.repo_url is not None
    key = branch_key(run.repo_url, run.branch or run.push_branch)
    others = world.runs.several(sorted(world.slots.held(key) - {run.id}))
    return any(other.has_open_pr for other in others)


def look_for_open(world: World, run: Run) -> None:
    """Check whether a run that was cancelled while publishing has left a pull request open."""
    assert run.repo_url is not None
    try:
        forge = credentials.forge_of(world, run.repo_url)
        facts = forge.find(run.branch or run.push_branch, run.head_sha)
    except ForgeError as error:
        _look_again(world, run, error)
        return
    moving.update(world, run, due_at=None, waiting_for=None)
    if facts:
        note_open(world, run.id, facts)


def _look_again(world: World, run: Run, error: ForgeError) -> None:
    failures = run.forge_failures + 1
    if error.passes:
        due = world.now() + max(error.wait or timedelta(0), failing.backoff(failures))
        moving.update(world, run, forge_failures=failures, due_at=due, waiting_for=str(error)[:500])
        return
    words = f"could not check whether its pull request is open: {error}"
    final = noted(run, by="pipeline", message=words, at=world.now(), due_at=None, waiting_for=None)
    world.runs.put(final, run)


def _with_open(world: World, run: Run, facts: Facts) -> Run:
    now = world.now()
    words = (
        f"pull request #{facts.number} is open although the task was cancelled: "
        "close it, or retry the task"
    )
    told = {"reply": replace(run.reply or Reply(), at=now, failures=0)} if run.of_ticket else {}
    return noted(
        run,
        by="pipeline",
        message=words,
        at=now,
        due_at=None,
        waiting_for=None,
        pr_url=facts.url,
        pr_number=facts.number,
        pr_state=facts.state,
        **told,
    )
