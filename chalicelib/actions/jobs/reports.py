"""The end of an attempt, as its runner reports it, once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from chalicelib.actions import due_messages, telemetry
from chalicelib.actions.access import forge_credentials
from chalicelib.actions.jobs import jobs
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.blueprints.blueprint import PartialWork
from chalicelib.domain.display_text import MAX_ERROR_LENGTH
from chalicelib.domain.error_class import LIMIT_CLASSES, ErrorClass
from chalicelib.domain.errors import Invalid, Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import RunId, format_moment
from chalicelib.domain.runs.attempt import AttemptOutcome, StageSpan, change_attempt, with_stages
from chalicelib.domain.runs.kept_work import UnpushedWork, check_kept_files
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.output import RunOutput, check_outputs
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.retry import retry_backoff
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_changes import RunChanges
from chalicelib.domain.runs.state import State
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.ports import World

Number = TypeVar("Number", int, float)
ATTENTION_OUTCOMES = frozenset({ErrorClass.ATTENTION})
"""Error classes of work that was not pushed because a person must check it first."""


@dataclass(frozen=True, kw_only=True)
class AttemptReport:
    """The end of an attempt, as its runner reports it."""

    outcome: AttemptOutcome
    stage: Phase | None = None
    stages: tuple[StageSpan, ...] = ()
    error_class: str | None = None
    error_message: str | None = None
    transient: bool = False
    retry_at: datetime | None = None
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    test_run: RepoTestRun | None = None
    result_summary: str | None = None
    session_id: str | None = None
    model_used: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    lines: tuple[LogLine, ...] = ()
    outputs: tuple[RunOutput, ...] = ()
    kept_work: UnpushedWork | None = None


def report_attempt(world: World, run_id: RunId, attempt: int, end: AttemptReport) -> Run:
    """End an attempt; raise `Superseded` if the run has moved on, but record the cost anyway.

    Raises `Invalid` for files that are not allowed, and for a branch other than the run's.
    """
    outputs = check_outputs(end.outputs, "outputs")
    if end.kept_work:
        check_kept_files(end.kept_work.files, "keptWork.files")
    run = world.runs.get(run_id)
    if run.attempt == attempt and end.branch and end.branch != run.push_branch:
        # Otherwise the pull request of another branch could be opened, merged, and the branch
        # deleted.
        raise Invalid(f"this job must push to {run.push_branch}", "branch")
    if end.lines and run.attempt == attempt and jobs.is_log_open(world, run):
        world.logs.write_lines(LogStream.of_attempt(run, attempt), end.lines)
    if any(
        each.number == attempt and each.outcome in (None, AttemptOutcome.LOST)
        for each in run.attempts
    ):
        telemetry.log_attempt_end(world, run, end.outcome, end.error_class, end.cost_usd)

    def end_once() -> Run | None:
        nonlocal run
        try:
            return _end_attempt(world, run, attempt, end, outputs)
        except Superseded:
            # A concurrent write (a comment on its ticket) must not discard the end of a job.
            run = world.runs.get(run_id)
            raise

    ended = retry_on_conflict(f"task {run_id!r}", end_once)
    if ended is None:
        raise Superseded(f"attempt {attempt} of task {run_id!r} is over")
    return ended


def _end_attempt(
    world: World, run: Run, attempt: int, end: AttemptReport, outputs: tuple[RunOutput, ...]
) -> Run | None:
    """End the attempt of a running run; return None if it is over, of which only costs are kept."""
    attempts = change_attempt(
        run.attempts,
        attempt,
        ended_at=world.now(),
        outcome=end.outcome,
        error_message=end.error_message[:MAX_ERROR_LENGTH] if end.error_message else None,
        cost_usd=end.cost_usd,
        lines=max((line.seq for line in end.lines), default=0),
    )
    attempts = with_stages(attempts, attempt, end.stages)
    if run.attempt != attempt or not run.is_running_on_runner:
        if attempts != run.attempts:
            transitions.update_run(world, run, attempts=attempts)
        return None
    if outputs:  # only the newest files are kept: lists of all attempts would outgrow the row
        attempts = tuple(replace(each, outputs=()) for each in attempts)
    ended_attempts = change_attempt(attempts, attempt, outputs=outputs)
    facts: RunChanges = {**_attempt_facts(run, end), "attempts": ended_attempts}
    if end.outcome == AttemptOutcome.FAILED:
        return _fail_attempt(world, run, end, facts)
    nothing = end.outcome == AttemptOutcome.NO_CHANGES
    if nothing and run.has_open_pr:
        return _escalate_unchanged(world, run, end, facts)
    if not nothing and end.branch and forge_credentials.location_of(world, run.repo_url):
        return _publish_run(world, run, end, facts)
    if end.test_run and not end.test_run.passed:
        return _escalate_failing_tests(world, run, end.test_run, end, facts)
    return _complete_run(world, run, end, facts)


def _complete_run(world: World, run: Run, end: AttemptReport, facts: RunChanges) -> Run:
    """Complete the run: there is no change that needs a pull request."""
    nothing = end.outcome == AttemptOutcome.NO_CHANGES
    pushed = f"pushed {end.branch} at {(end.head_sha or '')[:12]}" if end.branch else "done"
    message = "no changes" if nothing else pushed
    summary = _result_summary(run, end) or ""
    changes: RunChanges = {
        **facts,
        "result_summary": "; ".join(part for part in (message, summary) if part)[:8192],
        "error_message": None,
        "error_class": None,
        "stage": None,
    }
    if nothing and end.base_sha:
        changes["head_sha"] = end.base_sha
    return transitions.transition_run(
        world, run, State.COMPLETED, by="runner", message=message, **changes
    )


def _publish_run(world: World, run: Run, end: AttemptReport, facts: RunChanges) -> Run:
    """Continue the run at publish, which needs no runner."""
    changes: RunChanges = {
        "error_message": None,
        "error_class": None,
        **facts,
        "stage": Phase.PUBLISH,
        "due_at": world.now(),
        "failures": 0,
        "result_summary": _result_summary(run, end),
    }
    new = transitions.update_run(world, run, **changes)
    due_messages.enqueue_if_due_soon(world, [new])
    return new


def _escalate_failing_tests(
    world: World, run: Run, test_run: RepoTestRun, end: AttemptReport, facts: RunChanges
) -> Run:
    """Hand work with failing tests to a person, if there is no pull request to show it."""
    why = f"pushed {end.branch}, but its tests {test_run.result_text}"
    changes: RunChanges = {
        **facts,
        "stage": None,
        "due_at": None,
        "result_summary": _result_summary(run, end),
        "error_message": why,
        "error_class": ErrorClass.TESTS,
    }
    return transitions.transition_run(
        world, run, State.NEEDS_ATTENTION, by="runner", message=why, **changes
    )


def _escalate_unpushed(world: World, run: Run, message: str, facts: RunChanges) -> Run:
    """Hand work to a person that a rule of the snapshot does not allow to be pushed."""
    due = world.now() if run.has_open_pr else None
    changes: RunChanges = {**facts, "stage": None, "due_at": due}
    return transitions.transition_run(
        world, run, State.NEEDS_ATTENTION, by="runner", message=message, **changes
    )


def _escalate_unchanged(world: World, run: Run, end: AttemptReport, facts: RunChanges) -> Run:
    """Return a pull request to a person if the agent found nothing to change."""
    why = "the agent changed nothing, and the pull request is still open"
    changes: RunChanges = {
        **facts,
        "error_message": why,
        "stage": None,
        "due_at": world.now(),
        "result_summary": end.result_summary or run.result_summary,
    }
    return transitions.transition_run(
        world, run, State.NEEDS_ATTENTION, by="runner", message=why, **changes
    )


def _fail_attempt(world: World, run: Run, end: AttemptReport, facts: RunChanges) -> Run:
    message = end.error_message or "the job failed without an error message"
    changes: RunChanges = {
        **facts,
        "error_message": message[:MAX_ERROR_LENGTH],
        "error_class": end.error_class,
    }
    if end.kept_work and end.kept_work.finished:
        # The attempt that pushes it has no agent to write a summary.
        changes["result_summary"] = end.result_summary
    if end.transient and run.retry_count < run.max_retries:
        limit_ends = end.retry_at if end.error_class == ErrorClass.RATE_LIMIT else None
        wait = retry_backoff(run, world.now(), limit_ends)
        changes["retry_count"] = run.retry_count + 1
        message = f"will be retried at {format_moment(world.now() + wait)}: {message}"
        return transitions.requeue_run(
            world, run, by="runner", message=message, backoff=wait, **changes
        )
    if end.error_class in ATTENTION_OUTCOMES:
        return _escalate_unpushed(world, run, message, changes)
    if (
        end.error_class in LIMIT_CLASSES
        and end.branch
        and end.head_sha
        and _wants_draft(world, run)
    ):
        return _publish_run(world, run, end, changes)
    if not run.has_open_pr:
        changes["stage"] = end.stage or run.stage
    return transitions.fail_or_escalate(world, run, by="runner", message=message, **changes)


def _wants_draft(world: World, run: Run) -> bool:
    """Return whether unfinished work becomes a draft pull request, if its forge is known."""
    if run.has_open_pr or not forge_credentials.location_of(world, run.repo_url):
        return False
    brief = briefs.brief_of(world, run) or Brief()
    return brief.partial_work == PartialWork.DRAFT


def _attempt_facts(run: Run, end: AttemptReport) -> RunChanges:
    """Return the results of an attempt for its run; cost and tokens add up over attempts."""
    return {
        "branch": end.branch or run.branch,
        "head_sha": end.head_sha or run.head_sha,
        "diff_stat": end.diff_stat or run.diff_stat,
        "kept": _unpushed_work(run, end),
        "trial": end.test_run if end.head_sha else run.trial,
        "session_id": end.session_id or run.session_id,
        "model_used": end.model_used or run.model_used,
        "input_tokens": _add_optional(run.input_tokens, end.input_tokens),
        "output_tokens": _add_optional(run.output_tokens, end.output_tokens),
        "cost_usd": _add_optional(run.cost_usd, end.cost_usd),
    }


def _result_summary(run: Run, end: AttemptReport) -> str | None:
    """Return the agent's last summary; an attempt that only pushed keeps the previous one."""
    only_pushed = run.kept is not None and run.kept.finished
    return end.result_summary or (run.result_summary if only_pushed else None)


def _unpushed_work(run: Run, end: AttemptReport) -> UnpushedWork | None:
    """Return the work that is on no branch after this attempt."""
    is_settled = end.outcome != AttemptOutcome.FAILED or (end.branch and end.head_sha)
    return end.kept_work or (None if is_settled else run.kept)


def _add_optional(total: Number | None, more: Number | None) -> Number | None:
    if total is None or more is None:
        return more if total is None else total
    return total + more
