"""A pull request: what is known of it, and what that means for its run.

Nothing here is ever assumed: each fact is an answer of the forge, or `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from chalicelib.domain.checks import (
    APPROVED,
    CHANGES_REQUESTED,
    FAILURE,
    NONE,
    PENDING,
    SUCCESS,
    UNKNOWN,
    worst,
)

FRESH, SLOWEST = timedelta(seconds=30), timedelta(minutes=10)
DEBOUNCE = timedelta(seconds=10)
CHECKS_GRACE = timedelta(minutes=5)
"""How long a commit without any check is given, before that means that there are none."""
TESTS = "tests@"
UNFINISHED = "unfinished@"
"""How the trouble with a commit's own tests is named."""
LONGEST_PENDING = timedelta(hours=24)
"""The time that checks may be pending, with no other change, before a person is told."""
MOST_MERGE_TRIES = 5
"""The tries of a merge that the forge refuses as if it might succeed a moment later."""
OUT_OF_QUEUE = "the merge queue took it out without merging it"


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
    pending_runs: tuple[str, ...] = ()
    pending_statuses: tuple[str, ...] = ()

    @property
    def checks(self) -> str:
        """Check runs and commit statuses in one word: the worst of both."""
        return worst((self.runs, self.statuses))

    @property
    def pending_checks(self) -> str:
        """The names of the checks that have not ended, for people."""
        names = [repr(name) for name in (*self.pending_runs, *self.pending_statuses)]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more

    @property
    def for_merge(self) -> str:
        """All that decides about a merge, so that one is tried once for each state of things."""
        return "|".join(
            str(part)
            for part in (
                *(self.head_sha, self.base, self.draft, self.mergeable),
                *(self.runs, self.statuses, self.reviews, self.review_id),
            )
        )


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
    """A draft only because the tests fail, or the work is unfinished: it is made ready later."""
    unfinished_sha: str | None = None
    """The commit of an agent that reached a limit before its end."""
    wants_draft: bool = False
    """It was to be a draft at a forge that has none, so it is never merged by itself."""
    looked_at: datetime | None = None
    left_alone_until: datetime | None = None
    """Until when the forge asked not to be asked again."""
    enqueued_sha: str | None = None
    """The commit that waits in the merge queue."""
    merge_tries: int = 0
    merge_refused: str | None = None
    merge_refused_for: str = ""
    """Why the last merge was refused, and in which state of things."""

    def with_refused_merge(self, reason: str, *, final: bool) -> Pull:
        """Return the pull request with a merge that the forge refused once more.

        What is not `final` may succeed a moment later, and is tried a few times.
        """
        tries = self.merge_tries if self.merge_refused_for == self.facts.for_merge else 0
        return replace(
            self,
            enqueued_sha=None,
            merge_refused=reason[:1000],
            merge_refused_for=self.facts.for_merge,
            merge_tries=MOST_MERGE_TRIES if final else tries + 1,
        )

    @property
    def is_enqueued(self) -> bool:
        """Tell whether its very commit waits in the merge queue."""
        return self.enqueued_sha is not None and self.enqueued_sha == self.facts.head_sha

    @property
    def waits_for(self) -> str | None:
        """The thing it waits for, in words for people."""
        if self.facts.problem or self.facts.state != "open":
            return self.facts.problem
        if self.is_enqueued:
            return "the merge queue"
        pending = self.facts.checks == PENDING and self.facts.pending_checks
        return f"the checks {pending}" if pending else None


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
        return Pull(facts=facts, opened_at=now, changed_at=now, head_seen_at=now, looked_at=now)
    was = pull.facts
    return replace(
        pull,
        facts=facts,
        changed_at=now if _told(facts) != _told(was) else pull.changed_at,
        head_seen_at=now if facts.head_sha != was.head_sha else pull.head_seen_at,
        held_back=pull.held_back and facts.draft,
        looked_at=now,
        left_alone_until=None,
    )


def _told(facts: Facts) -> tuple[object, ...]:
    return (
        *(facts.state, facts.head_sha, facts.draft, facts.mergeable),
        *(facts.runs, facts.statuses, facts.reviews, facts.review_id),
    )


def renamed_to(pull_url: str, repo_url: str) -> str | None:
    """Return the name that a repo has at its forge now, where that is another than ours."""
    now, ours = urlsplit(pull_url), urlsplit(repo_url)
    name = "/".join(now.path.strip("/").split("/")[:2])
    same = name.lower() == ours.path.strip("/").lower()
    return None if same or not name or now.hostname != ours.hostname else name


def next_look(pull: Pull, now: datetime) -> timedelta:
    """Return when to look again: soon while something happens, ever more rarely after."""
    return min(SLOWEST, max(FRESH, (now - pull.changed_at) / 20))


def next_hinted_look(pull: Pull, now: datetime) -> datetime:
    """Return when to look again since the forge says that something happened.

    One look answers a burst of events, and none comes before the forge's own wait has ended.
    """
    rested = pull.looked_at + DEBOUNCE if pull.looked_at else now
    return max(now, rested, pull.left_alone_until or now)


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
    found = _trouble(pull, fails_tests=fails_tests)
    if found and found.trouble not in pull.handled:
        if not policy.auto_resume:
            return _wait() if attended else found
        if pull.resumes < policy.max_auto_resumes:
            return Verdict(move=Move.RESUME, reason=found.reason, trouble=found.trouble)
        reason = f"{found.reason}, after {pull.resumes} automatic resumes"
        return Verdict(move=Move.ATTEND, reason=reason) if not attended else _wait()
    if found or UNKNOWN in (facts.checks, facts.reviews):
        return _wait()
    if stuck := _stuck(pull, policy, now):
        return _wait() if attended else Verdict(move=Move.ATTEND, reason=stuck)
    if attended and facts.mergeable is not None and facts.reviews != CHANGES_REQUESTED:
        return Verdict(move=Move.RIGHT, reason="the pull request is right again")
    may = policy.auto_merge and not attended and not pull.wants_draft and not pull.is_enqueued
    ready = may and _ready(pull, now)
    return Verdict(move=Move.MERGE, reason="green and approved") if ready else _wait()


def _wait() -> Verdict:
    return Verdict(move=Move.WAIT)


def _trouble(pull: Pull, *, fails_tests: bool) -> Verdict | None:
    """Return what is wrong, named by what it is about: the same thing is handled once."""
    facts = pull.facts
    if pull.unfinished_sha is not None and pull.unfinished_sha == facts.head_sha:
        trouble = f"{UNFINISHED}{facts.head_sha}"
        return Verdict(move=Move.ATTEND, reason="its work is unfinished", trouble=trouble)
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


def _stuck(pull: Pull, policy: Policy, now: datetime) -> str | None:
    """Return why nothing goes on by itself, though nothing is wrong with the pull request."""
    facts = pull.facts
    if facts.checks == PENDING and now - pull.changed_at >= LONGEST_PENDING:
        return f"its checks have been pending for a day: {facts.pending_checks or 'unnamed'}"
    if policy.auto_merge and merge_is_refused(pull):
        return f"it is green and approved, but was not merged: {pull.merge_refused}"
    return None


def merge_is_refused(pull: Pull) -> bool:
    """Tell whether the forge refused, finally, to merge what stands there now."""
    same = pull.merge_refused_for == pull.facts.for_merge
    return pull.merge_refused is not None and same and pull.merge_tries >= MOST_MERGE_TRIES


def _ready(pull: Pull, now: datetime) -> bool:
    facts = pull.facts
    none_came = facts.checks == NONE and now - pull.head_seen_at >= CHECKS_GRACE
    green = facts.checks == SUCCESS or none_came
    approved = facts.reviews in (APPROVED, NONE)
    return green and approved and facts.mergeable is True and not facts.draft
