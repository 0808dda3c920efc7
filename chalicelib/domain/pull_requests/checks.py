"""Checks and reviews of a pull request, each summarised in one word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

UNKNOWN, NONE, PENDING, SUCCESS, FAILURE = "unknown", "none", "pending", "success", "failure"
APPROVED, CHANGES_REQUESTED = "approved", "changes_requested"
REVIEW_OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
"""Review states that approve or object, or withdraw either; any other state is a comment."""
_WORST_FIRST = (FAILURE, UNKNOWN, PENDING, SUCCESS, NONE)
_SUCCEEDED = {"success", "neutral", "skipped"}
_FAILED = {"failure", "timed_out", "cancelled", "action_required", "startup_failure"}


def worst_state(check_states: Iterable[str]) -> str:
    """Return the most serious of the states, or `none` for an empty list."""
    states = set(check_states)
    return next((word for word in _WORST_FIRST if word in states), NONE)


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """One run of a check, as the forge reports it."""

    id: int
    name: str
    app: str = ""
    status: str = "completed"
    conclusion: str | None = None

    @property
    def overall_state(self) -> str:
        """Its result in one word; `stale` and unknown conclusions count as pending."""
        if self.status != "completed":
            return PENDING
        if self.conclusion in _SUCCEEDED:
            return SUCCESS
        return FAILURE if self.conclusion in _FAILED else PENDING


def newest_checks(runs: Iterable[CheckRun]) -> list[CheckRun]:
    """Return the newest run (highest id) of each check, which an app and a name identify."""
    newest: dict[tuple[str, str], CheckRun] = {}
    for run in sorted(runs, key=lambda run: run.id):
        newest[run.app, run.name] = run
    return list(newest.values())


def overall_check_state(runs: Iterable[CheckRun]) -> str:
    """Return the most serious word of the newest check runs."""
    return worst_state(run.overall_state for run in newest_checks(runs))


def pending_names(runs: Iterable[CheckRun]) -> tuple[str, ...]:
    """Return the names of up to 10 unfinished checks, each cut to 80 characters."""
    return tuple(run.name[:80] for run in newest_checks(runs) if run.overall_state == PENDING)[:10]


def commit_status_state(state: str, count: int) -> str:
    """Return a combined commit status in one word; `none` for a commit without statuses."""
    if count == 0:
        return NONE
    return {"success": SUCCESS, "pending": PENDING}.get(state, FAILURE)


def review_state(
    reviews: Iterable[tuple[int, str, str]],
    *,
    review_requested: bool,
    counts: Callable[[str], bool],
) -> tuple[str, int | None]:
    """Return reviews `(id, author, state)`, oldest first, in one word, and the objection's id.

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
        return CHANGES_REQUESTED, max(objections)
    if review_requested:
        return PENDING, None
    return (APPROVED if any(state == "APPROVED" for _, state in counted) else NONE), None
