"""The runner's side of a run: claiming a job, sending heartbeats, renewing the token."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.actions.access import forge_credentials
from chalicelib.actions.jobs import refusals, secrets
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import RunId
from chalicelib.domain.pool import Pool
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.runs.attempt import (
    Attempt,
    AttemptOutcome,
    RunnerCapabilities,
    StageSpan,
    with_stages,
)
from chalicelib.domain.runs.build import BuildRequest
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_keys import branch_key, pool_key
from chalicelib.domain.runs.state import State
from chalicelib.domain.texts.agent_prompt import EXTERNAL_TRIGGER_TYPES, frame_prompt, param_names
from chalicelib.ports import World

log = logging.getLogger(__name__)
HEARTBEAT_WRITE_INTERVAL = timedelta(seconds=15)
LATE_LINES_WINDOW = timedelta(minutes=5)
TIMEOUT_GRACE = timedelta(minutes=2)
"""The time after its time limit at which a job is stopped, if its runner does not stop it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that a runner needs for one attempt."""

    run: Run
    brief: Brief
    prompt: str
    repo: Repo | None
    continues: bool
    work: UnpushedWork | None = None
    work_url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)


def claim_job(
    world: World,
    runner: str,
    pool: Pool = Pool.SELF_HOSTED,
    capabilities: RunnerCapabilities | None = None,
) -> Job | None:
    """Start the most urgent provisioning run of `pool`; return None if there is none."""
    for run_id in world.runs.iter_waiting(pool_key(pool)):
        try:
            run = world.runs.get(run_id)
            if (
                run.state is not State.PROVISIONING
                or run.pool != pool
                or run.stage == Phase.PUBLISH
            ):
                continue
            job = start_job(world, run, runner, capabilities=capabilities)
            if job:
                return job
        except (NotFound, Superseded):
            continue
    return None


def start_job(
    world: World,
    run: Run,
    runner: str,
    build_request: BuildRequest | None = None,
    capabilities: RunnerCapabilities | None = None,
) -> Job | None:
    """Move an admitted run to `running` and return its job; None if it cannot start.

    Without a brief, a secret or a token the run fails, or waits for its forge. Raises `Superseded`
    if the run was changed concurrently.
    """
    brief = briefs.brief_of(world, run)
    if brief is None:
        refusals.refuse_without_brief(world, run)
        return None
    repo = world.repos.find_by_url(run.repo_url) if run.repo_url else None
    values, lacking = secrets.secrets_of_run(world, run, repo)
    if lacking:
        refusals.refuse_without_secrets(world, run, lacking)
        return None
    try:
        token = forge_credentials.git_token(world, run.repo_url, repo)
    except ForgeError as error:
        refusals.refuse_without_token(world, run, error)
        return None
    _hold_branch(world, run, repo)
    attempt = Attempt(
        number=run.attempt + 1,
        started_at=world.now(),
        runner=runner,
        capabilities=capabilities,
    )
    started = _begin_attempt(
        world, replace(run, launch=build_request) if build_request else run, repo, attempt
    )
    return replace(_make_job(world, run, started, brief, repo), secrets=values, token=token)


def _hold_branch(world: World, run: Run, repo: Repo | None) -> None:
    """Record the run under its branch, before anything is pushed.

    Deliveries that the push causes are then recognised at once.
    """
    if run.repo_url:
        until = world.now() + world.policy.retention
        branch = replace(run, branch_prefix=_choose_prefix(run, repo)).push_branch
        world.run_sets.hold_runs(branch_key(run.repo_url, branch), [run.id], until)


def _make_job(world: World, run: Run, started: Run, brief: Brief, repo: Repo | None) -> Job:
    """Return the job of a started attempt, without secrets; `run` is the run before its start."""
    resumed = run.resume_prompt is not None and run.branch is not None
    continues = resumed or run.works_on is not None
    work = work_to_restore(run)
    bundle = work.bundle_file if work else None
    return Job(
        run=started,
        brief=brief,
        prompt=frame_prompt(
            started,
            run.resume_prompt or brief.prompt,
            _external_param_names(run, brief),
            has_work=work is not None,
        ),
        repo=repo,
        continues=continues,
        work=work,
        work_url=world.outputs.download_url(run.id, work.attempt, bundle)
        if work and bundle
        else None,
    )


def _begin_attempt(world: World, run: Run, repo: Repo | None, attempt: Attempt) -> Run:
    """Start the next attempt of a run."""
    now, number = attempt.started_at, attempt.number
    started = transitions.transition_run(
        world,
        run,
        State.RUNNING,
        by="runner",
        message=f"claimed by {attempt.runner}",
        attempt=number,
        stage=Phase.CLONE if run.repo_url else Phase.AGENT,
        repo_branch=run.repo_branch or (repo.default_branch if repo else None),
        branch_prefix=_choose_prefix(run, repo),
        started_at=run.started_at or now,
        beat_at=now,
        logged_at=now,
        due_at=now + transitions.MAX_SILENCE,
        waiting_for=None,
        attempts=(*run.attempts, attempt),
    )
    if number == 1:
        world.metrics.record_wait(now - (run.queued_at or run.created_at))
    return started


def _choose_prefix(run: Run, repo: Repo | None) -> str | None:
    """Return the prefix of a run's branch; a branch that was pushed keeps its name."""
    return run.branch_prefix if run.branch or repo is None else repo.branch_prefix


def work_to_restore(run: Run) -> UnpushedWork | None:
    """Return the kept work that the next attempt starts from, if it resumes or only has to push."""
    goes_on = run.resume_prompt is not None or (run.kept is not None and run.kept.finished)
    return run.kept if goes_on and run.kept and run.kept.bundle_file else None


def may_push_partial(run: Run) -> bool:
    """Return whether unfinished work may be pushed: no open pull request shows the branch."""
    return not run.has_open_pr and run.works_on is None


def _external_param_names(run: Run, brief: Brief) -> tuple[str, ...] | None:
    """Return the names of the params from outside sources, None if there are no such params."""
    outside = run.trigger_id and run.history[0].trigger in EXTERNAL_TRIGGER_TYPES
    return param_names(brief.params) if outside else None


def record_heartbeat(
    world: World,
    run_id: RunId,
    attempt: int,
    stage: Phase | None,
    lines: Sequence[LogLine],
    stages: tuple[StageSpan, ...] = (),
) -> str | None:
    """Store log lines and the heartbeat; return the reason why the job must stop, or None.

    The reasons are `cancelled`, `superseded` and `over time`. Raises `Superseded`, and stores
    nothing, for an older attempt and for lines of an attempt that was reported as ended.
    """
    run = world.runs.get(run_id)
    if run.attempt != attempt:
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    if lines and is_log_open(world, run):
        world.logs.write_lines(LogStream.of_attempt(run, attempt), lines)
    if not run.is_running_on_runner:
        return "cancelled" if run.state is State.CANCELLED else "superseded"
    now = world.now()
    if now > _began_at(run) + timedelta(minutes=run.timeout_minutes) + TIMEOUT_GRACE:
        return "over time"
    _note_heartbeat(world, run, stage, stages, now, spoke=bool(lines))
    return None


def is_log_open(world: World, run: Run) -> bool:
    """Return whether the newest attempt may add to its log; raise `Superseded` if it has ended.

    A cancelled job has `LATE_LINES_WINDOW` for its last lines. A job whose runner was lost may
    still report, but its lines are dropped.
    """
    if run.is_running_on_runner:
        return True
    attempt = run.attempts[-1] if run.attempts else None
    if attempt is None or attempt.outcome == AttemptOutcome.LOST:
        return False
    if attempt.ended_at or world.now() > (run.completed_at or run.updated_at) + LATE_LINES_WINDOW:
        raise Superseded(f"attempt {attempt.number} of task {run.id!r} is over, and so is its log")
    return True


def get_working_run(world: World, run_id: RunId, attempt: int) -> Run:
    """Return the run of an attempt that a runner works on; raise `Superseded` if it has ended."""
    run = world.runs.get(run_id)
    if run.attempt != attempt or not run.is_running_on_runner:
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    return run


def git_token(world: World, run_id: RunId, attempt: int) -> str | None:
    """Return a fresh token for pushing, because the first one may have expired.

    None if the forge mints none at the moment; the runner then keeps its token. Raises `Superseded`
    if the attempt has ended.
    """
    run = get_working_run(world, run_id, attempt)
    repo = world.repos.find_by_url(run.repo_url) if run.repo_url else None
    try:
        return forge_credentials.git_token(world, run.repo_url, repo)
    except ForgeError as error:
        log.warning("no new token: %s", error, extra={"run": run_id})
        return None


def _began_at(run: Run) -> datetime:
    return run.attempts[-1].started_at if run.attempts else run.updated_at


def _note_heartbeat(
    world: World,
    run: Run,
    stage: Phase | None,
    stages: tuple[StageSpan, ...],
    now: datetime,
    *,
    spoke: bool,
) -> None:
    """Store a heartbeat, but not each of them: every write of a row is paid for."""
    last = run.logged_at if spoke else run.beat_at
    fresh = last is not None and now - last < HEARTBEAT_WRITE_INTERVAL
    attempts = with_stages(run.attempts, run.attempt, stages)
    if fresh and stage in (None, run.stage) and attempts == run.attempts:
        return
    try:
        transitions.update_run(
            world,
            run,
            stage=stage or run.stage,
            attempts=attempts,
            beat_at=now,
            logged_at=now if spoke else run.logged_at,
            due_at=now + transitions.MAX_SILENCE,
            failures=0,
        )
    except Superseded:
        return  # the next heartbeat learns of the change
