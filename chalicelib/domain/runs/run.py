"""Runs: single executions of an agent, and their state machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Unpack

from chalicelib.domain.display_text import MAX_ERROR_LENGTH
from chalicelib.domain.error_class import LIMIT_CLASSES
from chalicelib.domain.errors import IllegalTransition
from chalicelib.domain.ids import BlueprintId, CounterKey, FiringId, QueueKey, RunId, TriggerId
from chalicelib.domain.pool import Pool
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.pull_request import PullRequest, PullRequestState
from chalicelib.domain.runs import run_keys
from chalicelib.domain.runs.attempt import Attempt, TicketComment
from chalicelib.domain.runs.build import BuildRequest
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run_changes import RunChanges
from chalicelib.domain.runs.run_event import RunEvent, event_id
from chalicelib.domain.runs.state import (
    COMMENTED_STATES,
    FINAL_STATES,
    FOLLOWED_STATES,
    HOLDS_SLOT,
    MOVES,
    State,
)
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.versions import as_next_version

WATCHDOG_SOURCE = "watchdog"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of a blueprint, or of an ad-hoc request."""

    id: RunId
    type: str
    title: str
    firing_id: FiringId
    created_at: datetime
    updated_at: datetime
    state: State = State.QUEUED
    version: int = 1
    stage: Phase | None = None
    attempt: int = 0

    blueprint_id: BlueprintId | None = None
    blueprint_name: str | None = None
    trigger_id: TriggerId | None = None
    repo_url: str | None = None
    repo_branch: str | None = None
    branch_prefix: str | None = None
    """The repo's prefix at the first claim: a branch keeps its name after it was pushed."""
    agent_type: str = "claude-code"
    model: str | None = None
    max_turns: int | None = None
    timeout_minutes: int = 60
    max_retries: int = 3
    priority: int = 100
    max_concurrent: int = 2
    pool: Pool = Pool.SELF_HOSTED
    launch: BuildRequest | None = None
    secrets: tuple[str, ...] = ()
    overlap_key: CounterKey | None = None
    cancels: tuple[RunId, ...] = ()
    lateness_ms: int | None = None

    queued_at: datetime | None = None
    not_before: datetime | None = None
    due_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    provisioned_at: datetime | None = None
    beat_at: datetime | None = None
    logged_at: datetime | None = None
    failures: int = 0
    forge_failures: int = 0
    retry_count: int = 0
    waiting_for: str | None = None
    brief_kept_until: datetime | None = None
    resume_prompt: str | None = None

    branch: str | None = None
    missing_params: tuple[str, ...] = ()
    head_sha: str | None = None
    diff_stat: str | None = None
    kept: UnpushedWork | None = None
    """The newest work that is not on its branch."""
    trial: RepoTestRun | None = None
    result_summary: str | None = None
    error_message: str | None = None
    error_class: str | None = None
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model_used: str | None = None
    session_id: str | None = None
    pr_url: str | None = None
    pr_number: int | None = None
    pr_state: PullRequestState | None = None
    pr_checks_status: CheckState | None = None
    pr_review_status: ReviewState | None = None
    works_on: str | None = None
    pull: PullRequest | None = None
    reply: TicketComment | None = None

    history: tuple[RunEvent, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def is_from_ticket(self) -> bool:
        """Return whether a ticket fired it; the ticket then gets a status comment."""
        return bool(self.history) and self.history[0].trigger == TriggerType.TICKET

    @property
    def publishes(self) -> bool:
        """Return whether opening its pull request is next; no runner works on it."""
        return self.stage == Phase.PUBLISH and self.state in HOLDS_SLOT

    @property
    def asks_forge(self) -> bool:
        """Return whether its due step calls its forge."""
        looks = self.state is State.CANCELLED and self.repo_url is not None
        return self.publishes or looks or (self.pull is not None and self.state in FOLLOWED_STATES)

    @property
    def steps_at(self) -> datetime | None:
        """The time of its due step, if that is an admission or the watchdog."""
        return None if self.asks_forge else self.due_at

    @property
    def consults_at(self) -> datetime | None:
        """The time of its next call to its forge or to the tracker of its ticket."""
        moments = (self.due_at if self.asks_forge else None, self.reply.at if self.reply else None)
        return min((moment for moment in moments if moment), default=None)

    @property
    def next_due_at(self) -> datetime | None:
        """The moment in the index of due rows. A reply that hangs hides no watchdog."""
        return self.steps_at or self.consults_at

    def is_stalled(self, now: datetime, threshold: timedelta) -> bool:
        """Return whether it is running without output for `threshold`; that ends no run."""
        last_sign = self.logged_at or self.beat_at
        return (
            self.state is State.RUNNING and last_sign is not None and now - last_sign >= threshold
        )

    @property
    def attempt_with_outputs(self) -> Attempt | None:
        """The newest attempt whose agent left files, or None."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.outputs), None)

    @property
    def push_branch(self) -> str:
        """Its own branch, or that of the open pull request that it continues."""
        return self.works_on or f"{self.branch_prefix or run_keys.BRANCH_PREFIX}task-{self.id[:8]}"

    @property
    def branch_key(self) -> CounterKey:
        """The key of the set of runs that push to its branch."""
        return run_keys.branch_key(self.repo_url or "", self.branch or self.push_branch)

    @property
    def is_running_on_runner(self) -> bool:
        """Return whether a runner works on it; the stages after the push need no runner."""
        return self.state is State.RUNNING and self.stage != Phase.PUBLISH

    @property
    def open_prs_key(self) -> CounterKey | None:
        """The key of the set that it is in while its pull request is open and tracked."""
        key = run_keys.open_prs_key(self.blueprint_id) if self.blueprint_id else None
        return key if self.has_open_pr else None

    @property
    def has_open_pr(self) -> bool:
        return self.pr_state == PullRequestState.OPEN and self.state not in FINAL_STATES

    @property
    def is_unfinished(self) -> bool:
        """Return whether its agent reached a limit before it finished."""
        return self.error_class in LIMIT_CLASSES

    @property
    def complaint(self) -> str | None:
        """The message of its newest attempt, which an error of the forge may have replaced."""
        return self.attempts[-1].error_message if self.attempts else None

    @property
    def is_unready(self) -> bool:
        """Return whether the commit that it pushed last is not ready for a review."""
        return self.fails_tests or self.is_unfinished

    @property
    def fails_tests(self) -> bool:
        """Return whether the last pushed commit fails the repo's own tests."""
        return self.trial is not None and not self.trial.passed

    @property
    def queue_id(self) -> QueueKey:
        """The key of its queue: its repo, or its blueprint if it has no repo."""
        return run_keys.queue_key(self.repo_url, self.blueprint_id)

    @property
    def waits_in(self) -> QueueKey | None:
        """The key of the queue in which it waits for admission or for a runner, or None."""
        if self.state is State.QUEUED:
            return self.queue_id
        return run_keys.pool_key(self.pool) if self.state is State.PROVISIONING else None

    @property
    def slot_ids(self) -> tuple[CounterKey, ...]:
        """The counters that count it while it holds a slot."""
        return run_keys.slot_keys(self.repo_url, self.blueprint_id)

    @property
    def queue_sort_key(self) -> str:
        """The sort key within its queue: priority first, then age."""
        queued = self.queued_at or self.created_at
        return f"{self.priority:04d}#{queued:%Y%m%dT%H%M%S.%f}"


def queue_run(run: Run, *, by: str, message: str) -> Run:
    """Return a new run with the first entry of its history."""
    event = _make_event(run, None, State.QUEUED, by=by, message=message, at=run.created_at)
    return replace(run, history=(event,))


def move_run(
    run: Run, to: State, *, by: str, message: str, at: datetime, **changes: Unpack[RunChanges]
) -> Run:
    """Return `run` in state `to` with a history entry; raise `IllegalTransition` if forbidden."""
    if to not in MOVES[run.state]:
        raise IllegalTransition(run.state, to)
    event = _make_event(run, run.state, to, by=by, message=message, at=at)
    final = to in FINAL_STATES
    moved = replace(
        as_next_version(run, run),
        state=to,
        updated_at=at,
        history=_with_entry(run, event),
        failures=0,
        forge_failures=0,
        completed_at=at if final else None,
        due_at=None if final else run.due_at,
    )
    if run.is_from_ticket and to in COMMENTED_STATES:
        comment = replace(run.reply or TicketComment(), at=at, failures=0)
        moved = replace(moved, reply=comment)
    return replace(moved, **changes)


def _with_entry(run: Run, event: RunEvent) -> tuple[RunEvent, ...]:
    """Return the history with one more entry; repeated waits for a runner share one entry.

    Without a runner a run may wait for weeks, but its row has a size limit and each move rewrites
    all of it.
    """
    *_, last, _ = (None, None, *run.history)
    unasked = run.state is State.PROVISIONING and event.trigger == WATCHDOG_SOURCE
    if unasked and last and (last.trigger, last.message) == (event.trigger, event.message):
        return (*run.history[:-2], replace(event, id=last.id))
    return (*run.history, event)


def with_event(
    run: Run, *, by: str, message: str, at: datetime, **changes: Unpack[RunChanges]
) -> Run:
    """Return `run` in the same state, with one more entry in its history."""
    event = _make_event(run, run.state, run.state, by=by, message=message, at=at)
    return replace(with_changes(run, at=at, **changes), history=(*run.history, event))


def with_changes(run: Run, *, at: datetime, **changes: Unpack[RunChanges]) -> Run:
    """Return `run` in the same state with `changes`, as a new version."""
    return replace(replace(as_next_version(run, run), updated_at=at), **changes)


def _make_event(
    run: Run, source: State | None, to: State, *, by: str, message: str, at: datetime
) -> RunEvent:
    return RunEvent(
        id=event_id(run.id, len(run.history)),
        from_state=source,
        to_state=to,
        trigger=by,
        message=message[:MAX_ERROR_LENGTH],
        created_at=at,
    )
