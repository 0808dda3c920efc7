"""CodeBuild builds for runs: each is started once, and its end is handled by the run's state."""

from __future__ import annotations

import hmac
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions import jobs, moving
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.history import RunnerCapabilities
from chalicelib.domain.launch import (
    CODEBUILD,
    PASS_LIVES,
    QUEUED_FOR,
    BuildEnd,
    Launch,
    Pass,
    parse_pass,
)
from chalicelib.domain.retry import backoff
from chalicelib.domain.run import Run, State
from chalicelib.ports import World
from chalicelib.ports.services import BuildRefused, BuildsFull

TRY_AGAIN = timedelta(minutes=1)
LOOK_AGAIN = timedelta(minutes=5)
"""The interval of checks on a build that has not claimed its job, as its end event may be lost."""
ENDED_WITHOUT = "before it asked for its job"


def launched(run: Run) -> bool:
    """Return whether a CodeBuild build does the job of this run."""
    return run.pool == CODEBUILD


def look_after(world: World, run: Run) -> None:
    """Start the build of an admitted run, or check on it. Safe to interrupt and repeat."""
    if run.launch is None:
        launch = Launch(id=str(uuid.uuid4()), at=world.now())
        run = moving.update(world, run, launch=launch, waiting_for="a build")
    assert run.launch is not None
    if run.launch.build is None:
        _start(world, run, run.launch)
        return
    end = world.builds.end(run.launch.build)
    if end is not None:
        settle(world, replace(end, run_id=run.id, launch_id=run.launch.id))
    elif world.now() > run.launch.at + QUEUED_FOR + 2 * LOOK_AGAIN:
        _never_asked(world, run, "the build did not ask for its job in time")
    else:
        moving.update(world, run, due_at=world.now() + LOOK_AGAIN)


def _start(world: World, run: Run, launch: Launch) -> None:
    """Start the build. Its idempotency token and claim token are the same for every repetition."""
    repo = world.repos.find(run.repo_url) if run.repo_url else None
    try:
        build = world.builds.start(run, token_of(world, run, launch), repo)
    except BuildRefused as refused:
        message = f"CodeBuild refused the build: {refused}"
        moving.fail(world, run, by="launch", error_class="launch", message=message)
        return
    except BuildsFull as full:
        _no_room(world, run, str(full))
        return
    except Exception as error:
        moving.update(world, run, waiting_for=f"a build, which could not be started: {error}"[:500])
        raise
    started = replace(launch, build=build)
    moving.update(world, run, launch=started, due_at=world.now() + LOOK_AGAIN, failures=0)


def _no_room(world: World, run: Run, why: str) -> None:
    """Let a run wait for build capacity: that may take hours, but a waiting build costs nothing.

    The next try is a new launch, because a claim token expires.
    """
    words = f"a build; the account has no free capacity yet: {why}"[:500]
    due = world.now() + TRY_AGAIN
    moving.update(world, run, launch=None, waiting_for=words, due_at=due, failures=0)


def token_of(world: World, run: Run, launch: Launch) -> str:
    """Return the claim token of a launch; it is computed, never stored, and always the same."""
    return _signed(world, Pass(run_id=run.id, attempt=run.attempt + 1, launch_id=launch.id))


def _signed(world: World, right: Pass) -> str:
    return f"{right.text}.{world.seals.sign(right.text)}"


def pass_of(world: World, token: str) -> Pass | None:
    """Return the content of a claim or job token with a valid signature, otherwise None."""
    found = parse_pass(token)
    if found is None:
        return None
    said, signature = found
    genuine = hmac.compare_digest(world.seals.sign(said.text), signature)
    return said if genuine else None


def claim(
    world: World,
    runner: str,
    by: Pass,
    *,
    exchanges: bool = False,
    capabilities: RunnerCapabilities | None = None,
) -> tuple[jobs.Job, str | None] | None:
    """Start the run that a claim token is for, once; None if it cannot be claimed any more.

    A runner with `exchanges` receives a job token with its job, and the claim token becomes
    invalid.
    """
    if by.speaks:
        return None
    try:
        run = world.runs.get(by.run_id)
        waits = run.state is State.PROVISIONING and run.attempt + 1 == by.attempt
        if not waits or not _current(run, by) or world.now() > _expires(run):
            return None
        launch = replace(run.launch, exchanged=exchanges) if run.launch else None
        job = jobs.start(world, run, runner, launch=launch, capabilities=capabilities)
        if job is None:
            return None
        return job, _signed(world, replace(by, speaks=True)) if exchanges else None
    except (NotFound, Superseded):
        return None


def may_speak(world: World, by: Pass | None, run_id: str, attempt: int) -> bool:
    """Return whether a token, or without one a runner's key, may act for this attempt of this run.

    A runner's key may not act for runs in builds: their ids are public in pull requests. A claim
    token that was exchanged for a job token may act for nothing, because others may have read it.
    """
    if by is None:
        return not launched(world.runs.get(run_id))
    if (run_id, attempt) != (by.run_id, by.attempt):
        return False
    run = world.runs.get(run_id)
    if run.attempt != attempt or run.launch is None:
        return True
    return _current(run, by) and by.speaks is run.launch.exchanged


def _current(run: Run, by: Pass) -> bool:
    return run.launch is not None and run.launch.id == by.launch_id


def _expires(run: Run) -> datetime:
    assert run.launch is not None
    return run.launch.at + PASS_LIVES


def settle(world: World, end: BuildEnd) -> None:
    """Handle the end of a build: a run that it abandoned continues at once. Safe to repeat.

    The end is ignored if the run has moved on or has a newer launch. It is also ignored if the
    build belongs to no run, because a person started it in the console.
    """
    if not end.run_id:
        return
    try:
        run = world.runs.get(end.run_id)
        if run.launch is None or run.launch.id != end.launch_id:
            return
        if run.state is State.PROVISIONING and end.never_began:
            _no_room(world, run, end.words)
        elif run.state is State.PROVISIONING:
            _never_asked(world, run, f"{end.words}, {ENDED_WITHOUT}")
        elif run.works and not _another_works(run, end):
            moving.lost(world, run, by="launch", why=f"the runner was lost: {end.words}")
    except (NotFound, Superseded):
        return


def _another_works(run: Run, end: BuildEnd) -> bool:
    """Return whether the job is done by another build of the project than the one that ended.

    CodeBuild remembers an idempotency token for five minutes. A launch that is requested again
    later has two builds: one gets the job, and the other ends at once. Builds claim under their own
    id.
    """
    project = end.build.partition(":")[0]
    claimed_by = run.attempts[-1].runner if run.attempts else ""
    return claimed_by != end.build and claimed_by.startswith(f"{project}:")


def _never_asked(world: World, run: Run, why: str) -> None:
    """Queue a run again whose build did not claim.

    This uses up a retry, because builds cost money.
    """
    why = why[:2048]
    if run.retry_count >= run.max_retries:
        moving.fail(world, run, by="launch", error_class="launch", message=why)
        return
    moving.requeue(
        world,
        run,
        by="launch",
        message=why,
        backoff=backoff(run, world.now()),
        retry_count=run.retry_count + 1,
        error_class="launch",
        error_message=why,
        waiting_for="a build",
    )
