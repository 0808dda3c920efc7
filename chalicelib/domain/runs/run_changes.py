"""Changes of a run: the fields that change after its firing, with their types."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from chalicelib.domain.ids import RunId
from chalicelib.domain.pool import Pool
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.pull_request import PullRequest, PullRequestState
from chalicelib.domain.runs.attempt import Attempt, TicketComment
from chalicelib.domain.runs.build import BuildRequest
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.test_result import RepoTestRun


class RunChanges(TypedDict, total=False):
    """New values of fields of a run. Its state, version and history change by moves only."""

    stage: Phase | None
    attempt: int

    repo_branch: str | None
    branch_prefix: str | None
    pool: Pool
    launch: BuildRequest | None
    cancels: tuple[RunId, ...]

    queued_at: datetime | None
    not_before: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    provisioned_at: datetime | None
    beat_at: datetime | None
    logged_at: datetime | None
    failures: int
    forge_failures: int
    retry_count: int
    waiting_for: str | None
    brief_kept_until: datetime | None
    resume_prompt: str | None

    branch: str | None
    head_sha: str | None
    diff_stat: str | None
    kept: UnpushedWork | None
    trial: RepoTestRun | None
    result_summary: str | None
    error_message: str | None
    error_class: str | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    model_used: str | None
    session_id: str | None
    pr_url: str | None
    pr_number: int | None
    pr_state: PullRequestState | None
    pr_checks_status: CheckState | None
    pr_review_status: ReviewState | None
    pull: PullRequest | None
    reply: TicketComment | None

    attempts: tuple[Attempt, ...]


class ShownPullRequest(TypedDict):
    """The changes of a run that show its pull request."""

    pr_url: str
    pr_number: int
    pr_state: PullRequestState
    pr_checks_status: CheckState
    pr_review_status: ReviewState
    pull: PullRequest


def show_pull_request(pull: PullRequest) -> ShownPullRequest:
    """Return the changes of a run that show its pull request: answers of the forge only."""
    facts = pull.facts
    return {
        "pr_url": facts.url,
        "pr_number": facts.number,
        "pr_state": facts.state,
        "pr_checks_status": facts.check_state,
        "pr_review_status": facts.reviews,
        "pull": pull,
    }
