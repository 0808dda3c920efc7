"""CodeBuild builds for runs: each is started once, and its end is handled by the run's state."""

from __future__ import annotations

import hmac
import uuid
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions.jobs import jobs
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.display_text import MAX_ERROR_LENGTH, MAX_WAIT_REASON_LENGTH
from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import RunId
from chalicelib.domain.pool import Pool
from chalicelib.domain.runs.attempt import RunnerCapabilities
from chalicelib.domain.runs.build import (
    CLAIM_TOKEN_LIFETIME,
    MAX_QUEUE_TIME,
    WAITING_FOR_CAPACITY,
    BuildEnd,
    BuildEnvironment,
    BuildRequest,
    ClaimToken,
    parse_claim_token,
)
from chalicelib.domain.runs.retry import retry_backoff
from chalicelib.domain.runs.run import WATCHDOG_SOURCE, Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World
from chalicelib.ports.services import BuildCapacityExceeded, BuildRefused

RETRY_INTERVAL = timedelta(minutes=1)
CAPACITY_PATIENCE = timedelta(minutes=5)
"""The time for which a run keeps its slots while the account has no capacity for its build."""
MAX_CAPACITY_BACKOFF = timedelta(minutes=10)
CHECK_INTERVAL = timedelta(minutes=5)
"""The interval of checks on a build that has not claimed its job, as its end event may be lost."""
ENDED_UNCLAIMED_MESSAGE = "before it asked for its job"


def needs_build(run: Run) -> bool:
    """Return whether a CodeBuild build does the job of this run."""
    return run.pool == Pool.CODEBUILD


def handle_build(world: World, run: Run) -> None:
    """Start the build of an admitted run, or check on it. Safe to interrupt and repeat."""
    build_request = run.launch
    if build_request is None or build_request.is_refused:
        since = build_request.refused_since if build_request else None
        build_request = BuildRequest(id=str(uuid.uuid4()), at=world.now(), refused_since=since)
        run = transitions.update_run(world, run, launch=build_request, waiting_for="a build")
    if build_request.build is None:
        _start_build(world, run, build_request)
        return
    end = world.builds.find_build_end(build_request.build)
    if end is not None:
        handle_build_end(world, replace(end, run_id=run.id, launch_id=build_request.id))
    elif world.now() > build_request.at + MAX_QUEUE_TIME + 2 * CHECK_INTERVAL:
        _requeue_unclaimed(world, run, "the build did not ask for its job in time")
    else:
        transitions.update_run(world, run, due_at=world.now() + CHECK_INTERVAL)


def _start_build(world: World, run: Run, build_request: BuildRequest) -> None:
    """Start the build. Its idempotency token and claim token are the same for every repetition."""
    token, environment = claim_token_text(world, run, build_request), _environment_of(world, run)
    try:
        build = world.builds.start_build(run, token, environment)
    except BuildRefused as refused:
        message = f"CodeBuild refused the build: {refused}"
        transitions.fail_run(
            world, run, by="launch", error_class=ErrorClass.LAUNCH, message=message
        )
        return
    except BuildCapacityExceeded as full:
        _wait_for_build_capacity(world, run, build_request, str(full))
        return
    except Exception as error:
        transitions.update_run(
            world,
            run,
            waiting_for=f"a build, which could not be started: {error}"[:MAX_WAIT_REASON_LENGTH],
        )
        raise
    started = replace(build_request, build=build, refused_since=None)
    transitions.update_run(
        world, run, launch=started, due_at=world.now() + CHECK_INTERVAL, failures=0
    )


def _environment_of(world: World, run: Run) -> BuildEnvironment:
    """Return the image and the machine that the blueprint names, or those of the repo."""
    brief = briefs.brief_of(world, run) or Brief()
    repo = world.repos.find_by_url(run.repo_url) if run.repo_url else None
    return BuildEnvironment(
        image=brief.image or (repo.image if repo else None),
        compute_type=brief.compute_type or (repo.compute_type if repo else None),
    )


def _wait_for_build_capacity(world: World, run: Run, build_request: BuildRequest, why: str) -> None:
    """Let a run wait for build capacity: that may take hours, but a waiting build costs nothing.

    After some minutes it waits in its queue, as its slots would stop a stage whose account may run
    no builds at all. Repeated waits share one history entry, as they do for a runner. The next try
    is a new launch, because a claim token expires.
    """
    now = world.now()
    since = build_request.refused_since or now
    reason = f"{WAITING_FOR_CAPACITY}: {why}"[:MAX_WAIT_REASON_LENGTH]
    refused = replace(build_request, build=None, is_refused=True, refused_since=since)
    if now < since + CAPACITY_PATIENCE:
        due = now + RETRY_INTERVAL
        transitions.update_run(
            world, run, launch=refused, waiting_for=reason, due_at=due, failures=0
        )
        return
    world.metrics.count_missing_runner()
    transitions.requeue_run(
        world,
        run,
        by=WATCHDOG_SOURCE,
        message=reason,
        backoff=min(MAX_CAPACITY_BACKOFF, (now - since) / 4),
        launch=refused,
        waiting_for=reason,
    )


def claim_token_text(world: World, run: Run, build_request: BuildRequest) -> str:
    """Return the claim token of a launch; it is computed, never stored, and always the same."""
    return _sign_token(
        world, ClaimToken(run_id=run.id, attempt=run.attempt + 1, launch_id=build_request.id)
    )


def _sign_token(world: World, right: ClaimToken) -> str:
    return f"{right.token_text}.{world.encryption.sign_text(right.token_text)}"


def claim_token_of(world: World, token: str) -> ClaimToken | None:
    """Return the content of a claim or job token with a valid signature, otherwise None."""
    parsed = parse_claim_token(token)
    if parsed is None:
        return None
    claim_token, signature = parsed
    genuine = hmac.compare_digest(world.encryption.sign_text(claim_token.token_text), signature)
    return claim_token if genuine else None


def claim_build_job(
    world: World,
    runner: str,
    by: ClaimToken,
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
        build_request = run.launch
        if not waits or build_request is None or build_request.id != by.launch_id:
            return None
        if world.now() > build_request.at + CLAIM_TOKEN_LIFETIME:
            return None
        build_request = replace(build_request, exchanged=exchanges)
        job = jobs.start_job(
            world, run, runner, build_request=build_request, capabilities=capabilities
        )
        if job is None:
            return None
        return job, _sign_token(world, replace(by, speaks=True)) if exchanges else None
    except (NotFound, Superseded):
        return None


def may_speak(world: World, by: ClaimToken | None, run_id: RunId, attempt: int) -> bool:
    """Return whether a token, or without one a runner's key, may act for this attempt of this run.

    A runner's key may not act for runs in builds: their ids are public in pull requests. A claim
    token that was exchanged for a job token may act for nothing, because others may have read it.
    """
    if by is None:
        return not needs_build(world.runs.get(run_id))
    if (run_id, attempt) != (by.run_id, by.attempt):
        return False
    run = world.runs.get(run_id)
    if run.attempt != attempt or run.launch is None:
        return True
    return _is_current(run, by) and by.speaks is run.launch.exchanged


def _is_current(run: Run, by: ClaimToken) -> bool:
    return run.launch is not None and run.launch.id == by.launch_id


def handle_build_end(world: World, end: BuildEnd) -> None:
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
            _wait_for_build_capacity(world, run, run.launch, end.describe_end)
        elif run.state is State.PROVISIONING:
            _requeue_unclaimed(world, run, f"{end.describe_end}, {ENDED_UNCLAIMED_MESSAGE}")
        elif run.is_running_on_runner and not _has_other_build(run, end):
            transitions.recover_lost_runner(
                world, run, by="launch", why=f"the runner was lost: {end.describe_end}"
            )
    except (NotFound, Superseded):
        return


def _has_other_build(run: Run, end: BuildEnd) -> bool:
    """Return whether the job is done by another build of the project than the one that ended.

    CodeBuild remembers an idempotency token for five minutes. A launch that is requested again
    later has two builds: one gets the job, and the other ends at once. Builds claim under their own
    id.
    """
    project = end.build.partition(":")[0]
    claimed_by = run.attempts[-1].runner if run.attempts else ""
    return claimed_by != end.build and claimed_by.startswith(f"{project}:")


def _requeue_unclaimed(world: World, run: Run, why: str) -> None:
    """Queue a run again whose build did not claim.

    This uses up a retry, because builds cost money.
    """
    why = why[:MAX_ERROR_LENGTH]
    if run.retry_count >= run.max_retries:
        transitions.fail_run(world, run, by="launch", error_class=ErrorClass.LAUNCH, message=why)
        return
    transitions.requeue_run(
        world,
        run,
        by="launch",
        message=why,
        backoff=retry_backoff(run, world.now()),
        retry_count=run.retry_count + 1,
        error_class=ErrorClass.LAUNCH,
        error_message=why,
        waiting_for="a build",
    )
