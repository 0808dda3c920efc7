"""The runner's side of a run: claiming a job, sending heartbeats, renewing the token."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.actions import briefs, credentials, moving, refusing, secrets
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing import Brief
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.history import Attempt, RunnerCapabilities, StageSpan, with_stages
from chalicelib.domain.kept_work import KeptWork
from chalicelib.domain.launch import Launch
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.prompt import OUTSIDE, framed, names_of
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import PUBLISH, Run, State, branch_key
from chalicelib.ports import World

log = logging.getLogger(__name__)
BEAT_NOTED_EVERY = timedelta(seconds=15)
LAST_LINES = timedelta(minutes=5)
OVERTIME = timedelta(minutes=2)
"""The time after its time limit at which a job is stopped, if its runner does not stop it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that a runner needs for one attempt."""

    run: Run
    brief: Brief
    prompt: str
    repo: Repo | None
    continues: bool
    work: KeptWork | None = None
    work_url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)


def claim(
    world: World,
    runner: str,
    pool: str = "self-hosted",
    capabilities: RunnerCapabilities | None = None,
) -> Job | None:
    """Start the most urgent provisioning run of `pool`; return None if there is none."""
    for run_id in world.runs.waiting(f"pool#{pool}"):
        try:
            run = world.runs.get(run_id)
            if run.state is not State.PROVISIONING or run.pool != pool or run.stage == PUBLISH:
                continue
            job = start(world, run, runner, capabilities=capabilities)
            if job:
                return job
        except (NotFound, Superseded):
            continue
    return None


def start(
    world: World,
    run: Run,
    runner: str,
    launch: Launch | None = None,
    capabilities: RunnerCapabilities | None = None,
) -> Job | None:
    """Move an admitted run to `running` and return its job; None if it cannot start.

    Without a brief, a secret or a token the run fails, or waits for its forge. Raises `Superseded`
    if the run was changed concurrently.
    """
    brief = briefs.brief_of(world, run)
    if brief is None:
        refusing.without_brief(world, run)
        return None
    repo = world.repos.find(run.repo_url) if run.repo_url else None
    values, lacking = secrets.of_run(world, run, repo)
    if lacking:
        refusing.without_secrets(world, run, lacking)
        return None
    try:
        token = credentials.git_token(world, run.repo_url, repo)
    except ForgeError as error:
        refusing.without_token(world, run, error)
        return None
    if run.repo_url:
        # Before anything is pushed, so that deliveries caused by the push are recognised at once.
        until = world.now() + world.policy.retention
        branch = replace(run, branch_prefix=_choose_prefix(run, repo)).push_branch
        world.slots.hold(branch_key(run.repo_url, branch), [run.id], until)
    attempt = Attempt(
        number=run.attempt + 1,
        started_at=world.now(),
        runner=runner,
        capabilities=capabilities,
    )
    started = _begin(world, replace(run, launch=launch) if launch else run, repo, attempt)
    resumed = run.resume_prompt is not None and run.branch is not None
    continues = resumed or run.works_on is not None
    work = work_to_restore(run)
    bundle = work.bundle if work else None
    return Job(
        run=started,
        brief=brief,
        prompt=framed(
            started,
            run.resume_prompt or brief.prompt,
            _outside(run, brief),
            has_work=work is not None,
        ),
        repo=repo,
        continues=continues,
        work=work,
        work_url=world.outputs.download(run.id, work.attempt, bundle) if work and bundle else None,
        secrets=values,
        token=token,
    )


def _begin(world: World, run: Run, repo: Repo | None, attempt: Attempt) -> Run:
    """Start the next attempt of a run."""
    now, number = attempt.started_at, attempt.number
    started = moving.advance(
        world,
        run,
        State.RUNNING,
        by="runner",
        message=f"claimed by {attempt.runner}",
        attempt=number,
        stage="clone" if run.repo_url else "agent",
        repo_branch=run.repo_branch or (repo.default_branch if repo else None),
        branch_prefix=_choose_prefix(run, repo),
        started_at=run.started_at or now,
        beat_at=now,
        logged_at=now,
        due_at=now + moving.SILENCE,
        waiting_for=None,
        attempts=(*run.attempts, attempt),
    )
    if number == 1:
        world.metrics.waited(now - (run.queued_at or run.created_at))
    return started


def _choose_prefix(run: Run, repo: Repo | None) -> str | None:
    """Return the prefix of a run's branch; a branch that was pushed keeps its name."""
    return run.branch_prefix if run.branch or repo is None else repo.branch_prefix


def work_to_restore(run: Run) -> KeptWork | None:
    """Return the kept work that the next attempt starts from, if it resumes or only has to push."""
    goes_on = run.resume_prompt is not None or (run.kept is not None and run.kept.finished)
    return run.kept if goes_on and run.kept and run.kept.bundle else None


def may_push_partial(run: Run) -> bool:
    """Return whether unfinished work may be pushed: no open pull request shows the branch."""
    return not run.has_open_pr and run.works_on is None


def _outside(run: Run, brief: Brief) -> tuple[str, ...] | None:
    """Return the names of the params from outside sources, None if there are no such params."""
    outside = run.trigger_id and run.history[0].trigger in OUTSIDE
    return names_of(brief.params) if outside else None


def beat(
    world: World,
    run_id: str,
    attempt: int,
    stage: str | None,
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
        world.logs.write(Stream.of(run, attempt), lines)
    if not run.works:
        return "cancelled" if run.state is State.CANCELLED else "superseded"
    now = world.now()
    if now > _begun(run) + timedelta(minutes=run.timeout_minutes) + OVERTIME:
        return "over time"
    _note(world, run, stage, stages, now, spoke=bool(lines))
    return None


def is_log_open(world: World, run: Run) -> bool:
    """Return whether the newest attempt may add to its log; raise `Superseded` if it has ended.

    A cancelled job has `LAST_LINES` for its last lines. A job whose runner was lost may still
    report, but its lines are dropped.
    """
    if run.works:
        return True
    attempt = run.attempts[-1] if run.attempts else None
    if attempt is None or attempt.outcome == "lost":
        return False
    if attempt.ended_at or world.now() > (run.completed_at or run.updated_at) + LAST_LINES:
        raise Superseded(f"attempt {attempt.number} of task {run.id!r} is over, and so is its log")
    return True


def working(world: World, run_id: str, attempt: int) -> Run:
    """Return the run of an attempt that a runner works on; raise `Superseded` if it has ended."""
    run = world.runs.get(run_id)
    if run.attempt != attempt or not run.works:
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    return run


def git_token(world: World, run_id: str, attempt: int) -> str | None:
    """Return a fresh token for pushing, because the first one may have expired.

    None if the forge mints none at the moment; the runner then keeps its token. Raises `Superseded`
    if the attempt has ended.
    """
    run = working(world, run_id, attempt)
    repo = world.repos.find(run.repo_url) if run.repo_url else None
    try:
        return credentials.git_token(world, run.repo_url, repo)
    except ForgeError as error:
        log.warning("no new token: %s", error, extra={"run": run_id})
        return None


def _begun(run: Run) -> datetime:
    return run.attempts[-1].started_at if run.attempts else run.updated_at


def _note(
    world: World,
    run: Run,
    stage: str | None,
    stages: tuple[StageSpan, ...],
    now: datetime,
    *,
    spoke: bool,
) -> None:
    """Store a heartbeat, but not each of them: every write of a row is paid for."""
    last = run.logged_at if spoke else run.beat_at
    fresh = last is not None and now - last < BEAT_NOTED_EVERY
    attempts = with_stages(run.attempts, run.attempt, stages)
    if fresh and stage in (None, run.stage) and attempts == run.attempts:
        return
    try:
        moving.update(
            world,
            run,
            stage=stage or run.stage,
            attempts=attempts,
            beat_at=now,
            logged_at=now if spoke else run.logged_at,
            due_at=now + moving.SILENCE,
            failures=0,
        )
    except Superseded:
        return  # the next heartbeat learns of the change
