"""A pull request: what is known of it, and what that means for its run.

Nothing here is ever assumed: each fact is an answer of the forge, or `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

FRESH, SLOWEST = timedelta(seconds=30), timedelta(minutes=10)
CHECKS_GRACE = timedelta(minutes=5)
"""How long a commit without any check is given, before that means that there are none."""
UNKNOWN, NONE, PENDING, SUCCESS, FAILURE = "unknown", "none", "pending", "success", "failure"
APPROVED, CHANGES_REQUESTED = "approved", "changes_requested"
TESTS = "tests@"
"""How the trouble with a commit's own tests is named."""
_WORST_FIRST = (FAILURE, UNKNOWN, PENDING, SUCCESS, NONE)
_FAILED = {"failure", "timed_out", "cancelled", "action_required", "startup_failure"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the forge says of a pull request."""

    number: int
    url: str
    state: str
    head_sha: str
    base: str = ""
    draft: bool = False
    mergeable: bool | None = None
    asked: bool = False
    runs: str = UNKNOWN
    statuses: str = UNKNOWN
    reviews: str = UNKNOWN
    review_id: int | None = None
    etags: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def checks(self) -> str:
        """Check runs and commit statuses in one word: the worst of both."""
        return next(word for word in _WORST_FIRST if word in (self.runs, self.statuses))


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A pull request as its run follows it."""

    facts: Facts
    opened_at: datetime
    changed_at: datetime
    head_seen_at: datetime
    handled: tuple[str, ...] = ()
    resumes: int = 0
    held_back: bool = False
    """A draft only because the tests fail: it is made ready again once they pass."""


class Move(StrEnum):
    """What a look at a pull request calls for."""

    WAIT = "wait"
    COMPLETE = "complete"
    FAIL = "fail"
    ATTEND = "attend"
    RESUME = "resume"
    RIGHT = "right"
    MERGE = "merge"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a repo allows to happen by itself."""

    auto_merge: bool = False
    auto_resume: bool = False
    max_auto_resumes: int = 10


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The move, why, and the name of the trouble, so that it is handled once."""

    move: Move
    reason: str = ""
    trouble: str = ""


def seen(pull: Pull | None, facts: Facts, now: datetime) -> Pull:
    """Return the pull request with what a look brought."""
    if pull is None:
        return Pull(facts=facts, opened_at=now, changed_at=now, head_seen_at=now)
    was = pull.facts
    moved = facts.head_sha != was.head_sha
    changed = _told(facts) != _told(was)
    return Pull(
        facts=facts,
        opened_at=pull.opened_at,
        changed_at=now if changed else pull.changed_at,
        head_seen_at=now if moved else pull.head_seen_at,
        handled=pull.handled,
        resumes=pull.resumes,
        held_back=pull.held_back and facts.draft,
    )


def _told(facts: Facts) -> tuple[object, ...]:
    return (
        *(facts.state, facts.head_sha, facts.draft, facts.mergeable),
        *(facts.runs, facts.statuses, facts.reviews, facts.review_id),
    )


def next_look(pull: Pull, now: datetime) -> timedelta:
    """Return when to look again: soon while something happens, ever more rarely after."""
    return min(SLOWEST, max(FRESH, (now - pull.changed_at) / 20))


def verdict(
    pull: Pull, policy: Policy, now: datetime, *, attended: bool, fails_tests: bool = False
) -> Verdict:
    """Return what the facts call for; `attended` is a run that waits for a person already.

    `fails_tests` is a commit that did not pass the repo's own tests before it was pushed.
    """
    facts = pull.facts
    if facts.state == "merged":
        return Verdict(move=Move.COMPLETE, reason="the pull request was merged")
    if facts.state == "closed":
        return Verdict(move=Move.FAIL, reason="the pull request was closed without a merge")
    found = _trouble(facts, fails_tests=fails_tests)
    if found and found.trouble not in pull.handled:
        if not policy.auto_resume:
            return _wait() if attended else found
        if pull.resumes < policy.max_auto_resumes:
            return Verdict(move=Move.RESUME, reason=found.reason, trouble=found.trouble)
        reason = f"{found.reason}, after {pull.resumes} automatic resumes"
        return Verdict(move=Move.ATTEND, reason=reason) if not attended else _wait()
    if found or UNKNOWN in (facts.checks, facts.reviews):
        return _wait()
    if attended and facts.mergeable is not None and facts.reviews != CHANGES_REQUESTED:
        return Verdict(move=Move.RIGHT, reason="the pull request is right again")
    ready = policy.auto_merge and not attended and _ready(pull, now)
    return Verdict(move=Move.MERGE, reason="green and approved") if ready else _wait()


def _wait() -> Verdict:
    return Verdict(move=Move.WAIT)


def _trouble(facts: Facts, *, fails_tests: bool) -> Verdict | None:
    """Return what is wrong, named by what it is about: the same thing is handled once."""
    if fails_tests:
        trouble = f"{TESTS}{facts.head_sha}"
        return Verdict(move=Move.ATTEND, reason="its tests fail", trouble=trouble)
    if facts.checks == FAILURE:
        trouble = f"checks@{facts.head_sha}"
        return Verdict(move=Move.ATTEND, reason="its checks fail", trouble=trouble)
    if facts.reviews == CHANGES_REQUESTED:
        trouble = f"review@{facts.review_id}"
        return Verdict(move=Move.ATTEND, reason="changes are requested", trouble=trouble)
    if facts.mergeable is False:
        trouble = f"conflict@{facts.head_sha}"
        return Verdict(move=Move.ATTEND, reason="it is in conflict with its base", trouble=trouble)
    return None


def _ready(pull: Pull, now: datetime) -> bool:
    facts = pull.facts
    none_came = facts.checks == NONE and now - pull.head_seen_at >= CHECKS_GRACE
    green = facts.checks == SUCCESS or none_came
    approved = facts.reviews in (APPROVED, NONE)
    return green and approved and facts.mergeable is True and not facts.draft


def checks_of(runs: Iterable[tuple[str, str | None]]) -> str:
    """Return check runs, each with status and conclusion, in one word."""
    words = {
        PENDING if status != "completed" else FAILURE if end in _FAILED else SUCCESS
        for status, end in runs
    }
    return next((word for word in _WORST_FIRST if word in words), NONE)


def statuses_of(state: str, count: int) -> str:
    """Return a combined commit status in one word; without any status there is none."""
    if count == 0:
        return NONE
    return {"success": SUCCESS, "pending": PENDING}.get(state, FAILURE)


def reviews_of(reviews: Iterable[tuple[int, str, str]], *, asked: bool) -> tuple[str, int | None]:
    """Return reviews (id, author, state), oldest first, in one word, with the objection's id.

    The last word of each reviewer counts; comments are none. `asked` is a review yet to come.
    """
    last: dict[str, tuple[int, str]] = {}
    for number, author, state in reviews:
        if state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            last[author] = (number, state)
    objections = [number for number, state in last.values() if state == "CHANGES_REQUESTED"]
    if objections:
        return CHANGES_REQUESTED, max(objections)
    if asked:
        return PENDING, None
    return (APPROVED if any(s == "APPROVED" for _, s in last.values()) else NONE), None
