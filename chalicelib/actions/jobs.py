"""What a runner may do: claim a run, beat while it works, and report its end, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.actions import credentials, moving, observing, refusing, secrets, sending
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing import Brief, moment_text
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.output import Output, checked
from chalicelib.domain.prompt import OUTSIDE, framed, names_of
from chalicelib.domain.repo import Repo
from chalicelib.domain.retry import backoff
from chalicelib.domain.run import PUBLISH, Attempt, Run, State, branch_key
from chalicelib.ports import World

BEAT_NOTED_EVERY = timedelta(seconds=15)
OVERTIME = timedelta(minutes=2)
"""How long after its time limit a job is told to stop, should its runner not do so itself."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a runner needs for one attempt."""

    run: Run
    brief: Brief
    prompt: str
    repo: Repo | None
    continues: bool
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Report:
    """How an attempt ended, in the words of its runner."""

    outcome: str
    stage: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    transient: bool = False
    retry_at: datetime | None = None
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    result_summary: str | None = None
    session_id: str | None = None
    model_used: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    lines: tuple[LogLine, ...] = ()
    outputs: tuple[Output, ...] = ()


def claim(world: World, runner: str, pool: str = "self-hosted") -> Job | None:
    """Start the most urgent provisioning run of `pool`, or return None when there is none."""
    for run_id in world.runs.waiting(f"pool#{pool}"):
        try:
            run = world.runs.get(run_id)
            if run.state is not State.PROVISIONING or run.pool != pool or run.stage == PUBLISH:
                continue
            job = start(world, run, runner)
            if job:
                return job
        except (NotFound, Superseded):
            continue
    return None


def start(world: World, run: Run, runner: str) -> Job | None:
    """Move an admitted run to `running` and return its job; None when it cannot begin."""
    now = world.now()
    brief = world.firings.brief(run.firing_id) or Brief()
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
        # Before anything is pushed: what the push causes must be known as ours at once.
        until = now + world.policy.retention
        world.slots.hold(branch_key(run.repo_url, run.push_branch), [run.id], until)
    number = run.attempt + 1
    started = moving.advance(
        world,
        run,
        State.RUNNING,
        by="runner",
        message=f"claimed by {runner}",
        attempt=number,
        stage="clone" if run.repo_url else "agent",
        repo_branch=run.repo_branch or (repo.default_branch if repo else None),
        started_at=run.started_at or now,
        beat_at=now,
        logged_at=now,
        due_at=now + moving.SILENCE,
        waiting_for=None,
        attempts=(*run.attempts, Attempt(number=number, started_at=now, runner=runner)),
    )
    if number == 1:
        world.metrics.waited(now - (run.queued_at or run.created_at))
    resumed = run.resume_prompt is not None and run.branch is not None
    continues = resumed or run.works_on is not None
    return Job(
        run=started,
        brief=brief,
        prompt=framed(started, run.resume_prompt or brief.prompt, _outside(world, run, brief)),
        repo=repo,
        continues=continues,
        secrets=values,
        token=token,
    )


def _outside(world: World, run: Run, brief: Brief) -> tuple[str, ...] | None:
    """Return the names of the params that others than the definition's owner wrote."""
    firing = world.firings.get(run.firing_id) if run.trigger_id else None
    return names_of(brief.params) if firing and firing.trigger_type in OUTSIDE else None


def beat(
    world: World, run_id: str, attempt: int, stage: str | None, lines: Sequence[LogLine]
) -> str | None:
    """Keep the lines and the sign of life; return why the job has to stop, or None to go on.

    Raises `Superseded` for an older attempt: nothing of it is kept.
    """
    run = world.runs.get(run_id)
    if run.attempt != attempt:
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    if lines:
        world.logs.write(Stream.of(run, attempt), lines)
    if not run.works:
        return "cancelled" if run.state is State.CANCELLED else "superseded"
    now = world.now()
    if now > _begun(run) + timedelta(minutes=run.timeout_minutes) + OVERTIME:
        return "over time"
    _note(world, run, stage, now, spoke=bool(lines))
    return None


def _begun(run: Run) -> datetime:
    return run.attempts[-1].started_at if run.attempts else run.updated_at


def _note(world: World, run: Run, stage: str | None, now: datetime, *, spoke: bool) -> None:
    """Write the beat down, but not each one: a row pays for every write."""
    last = run.logged_at if spoke else run.beat_at
    fresh = last is not None and now - last < BEAT_NOTED_EVERY
    if fresh and stage in (None, run.stage):
        return
    try:
        moving.update(
            world,
            run,
            stage=stage or run.stage,
            beat_at=now,
            logged_at=now if spoke else run.logged_at,
            due_at=now + moving.SILENCE,
        )
    except Superseded:
        return  # the next beat learns what happened


def report(world: World, run_id: str, attempt: int, end: Report) -> Run:
    """End an attempt; raise `Superseded` when the run has moved on, its cost noted all the same."""
    outputs = checked(end.outputs, "outputs")
    run = world.runs.get(run_id)
    if end.lines and run.attempt == attempt:
        world.logs.write(Stream.of(run, attempt), end.lines)
    attempts = moving.ended(
        run.attempts,
        attempt,
        ended_at=world.now(),
        outcome=end.outcome,
        error_message=end.error_message,
        cost_usd=end.cost_usd,
    )
    if any(one.number == attempt and one.outcome in (None, "lost") for one in run.attempts):
        observing.attempt_ended(world, run, end.outcome, end.error_class, end.cost_usd)
    if run.attempt != attempt or not run.works:
        if attempts != run.attempts:
            moving.update(world, run, attempts=attempts)
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    kept = moving.ended(attempts, attempt, outputs=outputs)
    facts = _facts(run, end) | {"attempts": kept}
    if end.outcome == "failed":
        return _failed(world, run, end, facts)
    nothing = end.outcome == "no_changes"
    if nothing and run.has_open_pr:
        return _nothing_more(world, run, end, facts)
    if not nothing and end.branch and credentials.place_of(world, run.repo_url):
        return _pushed(world, run, end, facts)
    summary = end.result_summary or ""
    pushed = f"pushed {end.branch} at {(end.head_sha or '')[:12]}" if end.branch else "done"
    message = "no changes" if nothing else pushed
    return moving.advance(
        world,
        run,
        State.COMPLETED,
        by="runner",
        message=message,
        result_summary="; ".join(part for part in (message, summary) if part)[:8192],
        error_message=None,
        error_class=None,
        stage=None,
        **(facts | ({"head_sha": end.base_sha} if nothing and end.base_sha else {})),
    )


def _pushed(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    """Let the run go on at publish: nobody is needed for it any more."""
    new = moving.update(
        world,
        run,
        stage=PUBLISH,
        due_at=world.now(),
        failures=0,
        result_summary=end.result_summary,
        error_message=None,
        error_class=None,
        **facts,
    )
    sending.send_soon(world, [new])
    return new


def _nothing_more(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    """Give a pull request back to a person that an agent found nothing to change about."""
    return moving.advance(
        world,
        run,
        State.NEEDS_ATTENTION,
        by="runner",
        message="the agent changed nothing, and the pull request is still open",
        stage=None,
        due_at=world.now(),
        result_summary=end.result_summary or run.result_summary,
        **facts,
    )


def _failed(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    message = end.error_message or "the job failed without a word"
    errors = {"error_message": message[:2048], "error_class": end.error_class}
    if end.transient and run.retry_count < run.max_retries:
        wait = backoff(run, world.now(), end.retry_at)
        again = moment_text(world.now() + wait)
        return moving.requeue(
            world,
            run,
            by="runner",
            message=f"will be tried again at {again}: {message}",
            backoff=wait,
            retry_count=run.retry_count + 1,
            **(facts | errors),
        )
    return moving.give_up(world, run, by="runner", message=message, **(facts | errors))


def _facts(run: Run, end: Report) -> dict[str, object]:
    """Return what an attempt adds to its run; money and tokens add up over attempts."""
    return {
        "branch": end.branch or run.branch,
        "head_sha": end.head_sha or run.head_sha,
        "diff_stat": end.diff_stat or run.diff_stat,
        "session_id": end.session_id or run.session_id,
        "model_used": end.model_used or run.model_used,
        "input_tokens": _sum(run.input_tokens, end.input_tokens),
        "output_tokens": _sum(run.output_tokens, end.output_tokens),
        "cost_usd": _sum(run.cost_usd, end.cost_usd),
    }


def _sum(total: float | None, more: float | None) -> float | None:
    if total is None or more is None:
        return more if total is None else total
    return total + more
