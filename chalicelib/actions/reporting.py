"""The end of an attempt, as its runner reports it, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.actions import briefs, credentials, jobs, moving, observing, sending
from chalicelib.actions.persisting import AGAIN
from chalicelib.domain.errors import Invalid, Superseded
from chalicelib.domain.firing import Brief, moment_text
from chalicelib.domain.history import StageSpan, with_stages
from chalicelib.domain.kept_work import KeptWork, check_kept_files
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.output import Output, checked
from chalicelib.domain.retry import backoff
from chalicelib.domain.run import LIMITS, PUBLISH, Run, State
from chalicelib.domain.trial import Trial
from chalicelib.ports import World

ATTENTION = frozenset({"attention"})
"""Error classes of work that was not pushed because a person must check it first."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The end of an attempt, as its runner reports it."""

    outcome: str
    stage: str | None = None
    stages: tuple[StageSpan, ...] = ()
    error_class: str | None = None
    error_message: str | None = None
    transient: bool = False
    retry_at: datetime | None = None
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    trial: Trial | None = None
    result_summary: str | None = None
    session_id: str | None = None
    model_used: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    lines: tuple[LogLine, ...] = ()
    outputs: tuple[Output, ...] = ()
    kept: KeptWork | None = None


def report(world: World, run_id: str, attempt: int, end: Report) -> Run:
    """End an attempt; raise `Superseded` if the run has moved on, but record the cost anyway.

    Raises `Invalid` for files that are not allowed, and for a branch other than the run's.
    """
    outputs = checked(end.outputs, "outputs")
    if end.kept:
        check_kept_files(end.kept.files, "keptWork.files")
    run = world.runs.get(run_id)
    if run.attempt == attempt and end.branch and end.branch != run.push_branch:
        # Otherwise the pull request of another branch could be opened, merged, and the branch
        # deleted.
        raise Invalid(f"this job must push to {run.push_branch}", "branch")
    if end.lines and run.attempt == attempt and jobs.is_log_open(world, run):
        world.logs.write(Stream.of(run, attempt), end.lines)
    if any(one.number == attempt and one.outcome in (None, "lost") for one in run.attempts):
        observing.attempt_ended(world, run, end.outcome, end.error_class, end.cost_usd)
    for _ in range(AGAIN):
        try:
            return _ended(world, run, attempt, end, outputs)
        except Superseded:
            # A concurrent write (a comment on its ticket) must not discard the end of a job.
            run = world.runs.get(run_id)
            if run.attempt != attempt or not run.works:
                raise
    raise Superseded(f"task {run_id!r} was modified concurrently; try again")


def _ended(world: World, run: Run, attempt: int, end: Report, outputs: tuple[Output, ...]) -> Run:
    attempts = moving.ended(
        run.attempts,
        attempt,
        ended_at=world.now(),
        outcome=end.outcome,
        error_message=end.error_message[:2048] if end.error_message else None,
        cost_usd=end.cost_usd,
    )
    attempts = with_stages(attempts, attempt, end.stages)
    if run.attempt != attempt or not run.works:
        if attempts != run.attempts:
            moving.update(world, run, attempts=attempts)
        raise Superseded(f"attempt {attempt} of task {run.id!r} is over")
    if outputs:  # only the newest files are kept: lists of all attempts would outgrow the row
        attempts = tuple(replace(one, outputs=()) for one in attempts)
    kept = moving.ended(attempts, attempt, outputs=outputs)
    facts = _facts(run, end) | {"attempts": kept}
    if end.outcome == "failed":
        return _failed(world, run, end, facts)
    nothing = end.outcome == "no_changes"
    if nothing and run.has_open_pr:
        return _nothing_more(world, run, end, facts)
    if not nothing and end.branch and credentials.place_of(world, run.repo_url):
        return _pushed(world, run, end, facts)
    if end.trial and not end.trial.passed:
        return _untrusted(world, run, end.trial, end, facts)
    return _completed(world, run, end, facts)


def _completed(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    """Complete the run: there is no change that needs a pull request."""
    nothing = end.outcome == "no_changes"
    pushed = f"pushed {end.branch} at {(end.head_sha or '')[:12]}" if end.branch else "done"
    message = "no changes" if nothing else pushed
    summary = _summary(run, end) or ""
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
    """Continue the run at publish, which needs no runner."""
    new = moving.update(
        world,
        run,
        stage=PUBLISH,
        due_at=world.now(),
        failures=0,
        result_summary=_summary(run, end),
        **({"error_message": None, "error_class": None} | facts),
    )
    sending.send_soon(world, [new])
    return new


def _untrusted(world: World, run: Run, trial: Trial, end: Report, facts: dict[str, object]) -> Run:
    """Hand work with failing tests to a person, if there is no pull request to show it."""
    why = f"pushed {end.branch}, but its tests {trial.words}"
    return moving.advance(
        world,
        run,
        State.NEEDS_ATTENTION,
        by="runner",
        message=why,
        stage=None,
        due_at=None,
        result_summary=_summary(run, end),
        error_message=why,
        error_class="tests",
        **facts,
    )


def _unpushed(world: World, run: Run, message: str, facts: dict[str, object]) -> Run:
    """Hand work to a person that a rule of the snapshot does not allow to be pushed."""
    due = world.now() if run.has_open_pr else None
    return moving.advance(
        world,
        run,
        State.NEEDS_ATTENTION,
        by="runner",
        message=message,
        stage=None,
        due_at=due,
        **facts,
    )


def _nothing_more(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    """Return a pull request to a person if the agent found nothing to change."""
    why = "the agent changed nothing, and the pull request is still open"
    return moving.advance(
        world,
        run,
        State.NEEDS_ATTENTION,
        by="runner",
        message=why,
        error_message=why,
        stage=None,
        due_at=world.now(),
        result_summary=end.result_summary or run.result_summary,
        **facts,
    )


def _failed(world: World, run: Run, end: Report, facts: dict[str, object]) -> Run:
    message = end.error_message or "the job failed without an error message"
    errors = {"error_message": message[:2048], "error_class": end.error_class}
    if end.kept and end.kept.finished:  # the attempt that pushes it has no agent to write a summary
        facts = facts | {"result_summary": end.result_summary}
    if end.transient and run.retry_count < run.max_retries:
        limit_ends = end.retry_at if end.error_class == "rate_limit" else None
        wait = backoff(run, world.now(), limit_ends)
        again = moment_text(world.now() + wait)
        return moving.requeue(
            world,
            run,
            by="runner",
            message=f"will be retried at {again}: {message}",
            backoff=wait,
            retry_count=run.retry_count + 1,
            **(facts | errors),
        )
    if end.error_class in ATTENTION:
        return _unpushed(world, run, message, facts | errors)
    if end.error_class in LIMITS and end.branch and end.head_sha and _wants_draft(world, run):
        return _pushed(world, run, end, facts | errors)
    where = {} if run.has_open_pr else {"stage": end.stage or run.stage}
    return moving.give_up(world, run, by="runner", message=message, **(where | facts | errors))


def _wants_draft(world: World, run: Run) -> bool:
    """Return whether unfinished work becomes a draft pull request, if its forge is known."""
    if run.has_open_pr or not credentials.place_of(world, run.repo_url):
        return False
    brief = briefs.brief_of(world, run) or Brief()
    return brief.partial_work == "draft"


def _facts(run: Run, end: Report) -> dict[str, object]:
    """Return the results of an attempt for its run; cost and tokens add up over attempts."""
    return {
        "branch": end.branch or run.branch,
        "head_sha": end.head_sha or run.head_sha,
        "diff_stat": end.diff_stat or run.diff_stat,
        "kept": _kept(run, end),
        "trial": end.trial if end.head_sha else run.trial,
        "session_id": end.session_id or run.session_id,
        "model_used": end.model_used or run.model_used,
        "input_tokens": _sum(run.input_tokens, end.input_tokens),
        "output_tokens": _sum(run.output_tokens, end.output_tokens),
        "cost_usd": _sum(run.cost_usd, end.cost_usd),
    }


def _summary(run: Run, end: Report) -> str | None:
    """Return the agent's last summary; an attempt that only pushed keeps the previous one."""
    only_pushed = run.kept is not None and run.kept.finished
    return end.result_summary or (run.result_summary if only_pushed else None)


def _kept(run: Run, end: Report) -> KeptWork | None:
    """Return the work that is on no branch after this attempt."""
    is_settled = end.outcome != "failed" or (end.branch and end.head_sha)
    return end.kept or (None if is_settled else run.kept)


def _sum(total: float | None, more: float | None) -> float | None:
    if total is None or more is None:
        return more if total is None else total
    return total + more
