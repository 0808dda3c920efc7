"""Checks and reviews of a pull request, each in one word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

UNKNOWN, NONE, PENDING, SUCCESS, FAILURE = "unknown", "none", "pending", "success", "failure"
APPROVED, CHANGES_REQUESTED = "approved", "changes_requested"
OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
"""The states of a review that say yes or no; any other is a comment."""
_WORST_FIRST = (FAILURE, UNKNOWN, PENDING, SUCCESS, NONE)
_SUCCEEDED = {"success", "neutral", "skipped"}
_FAILED = {"failure", "timed_out", "cancelled", "action_required", "startup_failure"}


def worst(words: Iterable[str]) -> str:
    """Return the word that outweighs all others; none without any."""
    known = set(words)
    return next((word for word in _WORST_FIRST if word in known), NONE)


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """One run of a check, as the forge tells it."""

    id: int
    name: str
    app: str = ""
    status: str = "completed"
    conclusion: str | None = None

    @property
    def word(self) -> str:
        """Its end in one word; a `stale` one, or an end that nobody knows, is still to come."""
        if self.status != "completed":
            return PENDING
        if self.conclusion in _SUCCEEDED:
            return SUCCESS
        return FAILURE if self.conclusion in _FAILED else PENDING


def newest_checks(runs: Iterable[CheckRun]) -> list[CheckRun]:
    """Return the newest run of each check: a name of one app. What it superseded says nothing."""
    newest: dict[tuple[str, str], CheckRun] = {}
    for run in sorted(runs, key=lambda run: run.id):
        newest[run.app, run.name] = run
    return list(newest.values())


def checks_of(runs: Iterable[CheckRun]) -> str:
    """Return check runs in one word: the worst of the newest ones."""
    return worst(run.word for run in newest_checks(runs))


def pending_names(runs: Iterable[CheckRun]) -> tuple[str, ...]:
    """Return the names of the checks that have not ended, a few of them."""
    return tuple(run.name[:80] for run in newest_checks(runs) if run.word == PENDING)[:10]


def statuses_of(state: str, count: int) -> str:
    """Return a combined commit status in one word; without any status there is none."""
    if count == 0:
        return NONE
    return {"success": SUCCESS, "pending": PENDING}.get(state, FAILURE)


def reviews_of(
    reviews: Iterable[tuple[int, str, str]], *, asked: bool, counts: Callable[[str], bool]
) -> tuple[str, int | None]:
    """Return reviews (id, author, state), oldest first, in one word, with the objection's id.

    The last word of each reviewer counts, where the reviewer `counts` at all: neither approval
    nor objection of a stranger means anything. Comments are none. `asked` is a review yet to come.
    """
    last: dict[str, tuple[int, str]] = {}
    for number, author, state in reviews:
        if state in OPINIONS:
            last[author] = (number, state)
    heard = [opinion for author, opinion in last.items() if counts(author)]
    objections = [number for number, state in heard if state == "CHANGES_REQUESTED"]
    if objections:
        return CHANGES_REQUESTED, max(objections)
    if asked:
        return PENDING, None
    return (APPROVED if any(state == "APPROVED" for _, state in heard) else NONE), None
