"""The variables of the page of one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.actions.runs.logs import LogExcerpt
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.log import LogLine
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_event import RunEvent
from chalicelib.domain.runs.state import State
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.labels import agent_label, repo_label
from chalicelib.web.pages.contexts.marks import StateMark, mark_state
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.contexts.phases import PhaseStep, list_phase_steps
from chalicelib.web.pages.contexts.runs import time_spent
from chalicelib.web.pages.filters import format_count, web_link
from chalicelib.web.pages.forms import FormError

NO_VALUE = "\N{EN DASH}"


@dataclass(frozen=True, kw_only=True)
class RunActions:
    """Which buttons the run's state and the reader's key allow together."""

    cancel: bool
    retry: bool
    resume: bool


@dataclass(frozen=True, kw_only=True)
class KeptWorkNote:
    """The attempt that left work, and how its work can be used: `retry`, `resume` or neither."""

    attempt: int
    button: str


@dataclass(frozen=True, kw_only=True)
class PullRequestFacts:
    """The pull request of a run. Without a URL that a page may link to, its text is shown."""

    url: str
    label: str
    state: str
    checks: str
    reviews: str


@dataclass(frozen=True, kw_only=True)
class SandboxFacts:
    """Whether the newest attempt has a sandbox, and the reason why not."""

    word: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """An entry of a run's history; a message that repeats its state is left out."""

    mark: StateMark
    message: str
    trigger: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class AttemptEntry:
    """An attempt of a run that has several."""

    number: int
    outcome: str
    error_message: str | None
    runner: str
    cost_usd: float | None


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The state and the numbers of a run."""

    id: str
    is_final: bool
    mark: StateMark
    blueprint_id: str | None
    blueprint_name: str
    repo: str
    agent: str
    error_label: str
    error_message: str | None
    kept_work: KeptWorkNote | None
    missing_params: str
    waiting_for: str
    result_summary: str | None
    phases: list[PhaseStep]
    waited: timedelta | None
    running_since: str
    duration: timedelta | None
    cost_usd: float | None
    tokens: str
    attempt: str
    retries: str
    created_at: datetime
    sandbox: SandboxFacts | None
    branch: str | None
    diff_stat: str | None
    tests: str
    files: list[RunOutput]
    pull_request: PullRequestFacts | None
    history: list[HistoryEntry]
    attempts: list[AttemptEntry]
    actions: RunActions
    resume_title: str


def draw_run_facts(
    run: Run, files: Iterable[RunOutput], actions: RunActions, *, is_stalled: bool
) -> RunFacts:
    """Return the facts of a run."""
    waits, work = run.state is State.QUEUED, run.kept
    is_running = run.state is State.RUNNING and run.started_at is not None
    has_tokens = run.input_tokens is not None or run.output_tokens is not None
    counts = f"{format_count(run.input_tokens)} in, {format_count(run.output_tokens)} out"
    return RunFacts(
        id=run.id,
        is_final=run.is_final,
        mark=mark_state(run.state, is_stalled=is_stalled),
        blueprint_id=run.blueprint_id,
        blueprint_name=run.blueprint_name or "its blueprint",
        repo=repo_label(run.repo_url, run.repo_branch),
        agent=agent_label(run.agent_type, run.model_used or run.model),
        error_label="Why it failed" if run.state is State.FAILED else "Last error",
        error_message=run.error_message,
        kept_work=_kept_work_note(work),
        missing_params=", ".join(run.missing_params),
        waiting_for=(run.waiting_for or "") if waits else "",
        result_summary=run.result_summary,
        phases=list_phase_steps(run),
        waited=run.started_at - (run.queued_at or run.created_at) if run.started_at else None,
        running_since=run.started_at.isoformat() if is_running and run.started_at else "",
        duration=time_spent(run),
        cost_usd=run.cost_usd,
        tokens=counts if has_tokens else NO_VALUE,
        attempt=str(run.attempt or NO_VALUE),
        retries=f"{run.retry_count} of {run.max_retries} retries" if run.retry_count else "",
        created_at=run.created_at,
        sandbox=_sandbox(run),
        branch=run.branch,
        diff_stat=run.diff_stat,
        tests=run.trial.result_text if run.trial else "",
        files=list(files),
        pull_request=_pull_request(run),
        history=[_history_entry(event) for event in reversed(run.history)],
        attempts=_list_attempts(run),
        actions=actions,
        resume_title=_resume_title(work),
    )


def _kept_work_note(work: UnpushedWork | None) -> KeptWorkNote | None:
    if work is None:
        return None
    button = "retry" if work.finished else "resume" if work.bundle_file else ""
    return KeptWorkNote(attempt=work.attempt, button=button)


def _sandbox(run: Run) -> SandboxFacts | None:
    capabilities = run.attempts[-1].capabilities if run.attempts else None
    if capabilities is None:
        return None
    return SandboxFacts(
        word="yes" if capabilities.sandbox else "none", reason=capabilities.reason or ""
    )


def _pull_request(run: Run) -> PullRequestFacts | None:
    if not run.pr_url:
        return None
    url = web_link(run.pr_url)
    return PullRequestFacts(
        url=url,
        label=f"#{run.pr_number}" if url else run.pr_url,
        state=run.pr_state or "",
        checks=run.pr_checks_status or "unknown",
        reviews=run.pr_review_status or "none",
    )


def _history_entry(event: RunEvent) -> HistoryEntry:
    mark = mark_state(event.to_state)
    is_told = event.trigger in event.message or event.trigger == TriggerType.MANUAL
    return HistoryEntry(
        mark=mark,
        message="" if event.message.lower() == mark.word.lower() else event.message,
        trigger="" if is_told else event.trigger,
        created_at=event.created_at,
    )


def _list_attempts(run: Run) -> list[AttemptEntry]:
    """Return the attempts, none for a run with a single one."""
    if len(run.attempts) < 2:
        return []
    return [
        AttemptEntry(
            number=attempt.number,
            outcome=attempt.outcome or "running",
            error_message=attempt.error_message,
            runner=attempt.runner,
            cost_usd=attempt.cost_usd,
        )
        for attempt in run.attempts
    ]


def _resume_title(work: UnpushedWork | None) -> str:
    has_bundle = work is not None and work.bundle_file is not None
    return "Resume from the saved work" if has_bundle else "Resume on its branch"


@dataclass(frozen=True, kw_only=True)
class LogView:
    """The first lines of the log, and where its script reads on."""

    lines: Sequence[LogLine]
    next_cursor: str
    previous_cursor: str
    ends_here: bool
    file_name: str
    empty_text: str


def draw_log(run: Run, excerpt: LogExcerpt, *, ends_here: bool) -> LogView:
    """Return the log of a run from some of its lines, which may be the last ones."""
    return LogView(
        lines=excerpt.lines,
        next_cursor=excerpt.following,
        previous_cursor=excerpt.before or "",
        ends_here=ends_here,
        file_name=f"optio-{run.id[:8]}.log",
        empty_text="No output." if run.is_final else "Waiting for output…",
    )


@dataclass(frozen=True, kw_only=True)
class RunPart(PageContext):
    """The variables of the live part of the page.

    `is_live` also swaps its history, and `has_new_resume` the form that resumes it.
    """

    template = "_run_live.html"

    run: RunFacts
    is_live: bool = True
    has_new_resume: bool
    resume_prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class RunViewPage(PageContext):
    """The variables of the page of a run."""

    template = "run.html"

    run: RunFacts
    title: str
    log: LogView
    prompt: str
    params: str
    is_live: bool = False
    resume_prompt: str
    errors: Sequence[FormError]
    notice: Notice | None
