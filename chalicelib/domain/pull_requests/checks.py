"""Checks and reviews of a pull request, each summarised in one state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckState(StrEnum):
    """The state of all check runs or commit statuses of a commit."""

    UNKNOWN = "unknown"
    NONE = "none"
    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


class ReviewState(StrEnum):
    """The state of all reviews of a pull request."""

    UNKNOWN = "unknown"
    NONE = "none"
    PENDING = "pending"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"


REVIEW_OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
"""Review states that approve or object, or withdraw either; any other state is a comment."""
_WORST_FIRST = (
    CheckState.FAILURE,
    CheckState.UNKNOWN,
    CheckState.PENDING,
    CheckState.SUCCESS,
    CheckState.NONE,
)
_SUCCEEDED = {"success", "neutral", "skipped"}
_FAILED = {"failure", "timed_out", "cancelled", "action_required", "startup_failure"}


def worst_state(check_states: Iterable[CheckState]) -> CheckState:
    """Return the most serious of the states, or `NONE` for an empty list."""
    states = set(check_states)
    return next((state for state in _WORST_FIRST if state in states), CheckState.NONE)


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """One run of a check, as the forge reports it."""

    id: int
    name: str
    app: str = ""
    status: str = "completed"
    conclusion: str | None = None

    @property
    def overall_state(self) -> CheckState:
        """Its result; `stale` and unknown conclusions count as pending."""
        if self.status != "completed":
            return CheckState.PENDING
        if self.conclusion in _SUCCEEDED:
            return CheckState.SUCCESS
        return CheckState.FAILURE if self.conclusion in _FAILED else CheckState.PENDING


def newest_checks(runs: Iterable[CheckRun]) -> list[CheckRun]:
    """Return the newest run (highest id) of each check, which an app and a name identify."""
    newest: dict[tuple[str, str], CheckRun] = {}
    for run in sorted(runs, key=lambda run: run.id):
        newest[run.app, run.name] = run
    return list(newest.values())


def overall_check_state(runs: Iterable[CheckRun]) -> CheckState:
    """Return the most serious state of the newest check runs."""
    return worst_state(run.overall_state for run in newest_checks(runs))


def pending_names(runs: Iterable[CheckRun]) -> tuple[str, ...]:
    """Return the names of up to 10 unfinished checks, each cut to 80 characters."""
    pending = (run for run in newest_checks(runs) if run.overall_state is CheckState.PENDING)
    return tuple(run.name[:80] for run in pending)[:10]


def commit_status_state(state: str, count: int) -> CheckState:
    """Return the state of a combined commit status; `NONE` for a commit without statuses."""
    if count == 0:
        return CheckState.NONE
    states = {"success": CheckState.SUCCESS, "pending": CheckState.PENDING}
    return states.get(state, CheckState.FAILURE)


def review_state(
    reviews: Iterable[tuple[int, str, str]],
    *,
    review_requested: bool,
    counts: Callable[[str], bool],
) -> tuple[ReviewState, int | None]:
    """Return the state of reviews `(id, author, state)`, oldest first, and the objection's id.

    The last opinion of each reviewer counts, if `counts` accepts the reviewer: opinions of
    strangers and comments are ignored. `review_requested` is true if a requested review is pending.
    """
    last: dict[str, tuple[int, str]] = {}
    for number, author, state in reviews:
        if state in REVIEW_OPINIONS:
            last[author] = (number, state)
    counted = [opinion for author, opinion in last.items() if counts(author)]
    objections = [number for number, state in counted if state == "CHANGES_REQUESTED"]
    if objections:
        return ReviewState.CHANGES_REQUESTED, max(objections)
    if review_requested:
        return ReviewState.PENDING, None
    approved = any(state == "APPROVED" for _, state in counted)
    return (ReviewState.APPROVED if approved else ReviewState.NONE), None
