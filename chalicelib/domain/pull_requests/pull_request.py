"""Pull requests: the known facts about one, and the action that they require of its run.

Nothing is assumed: each fact is an answer of the forge, or `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from chalicelib.domain.pull_requests.checks import (
    APPROVED,
    CHANGES_REQUESTED,
    FAILURE,
    NONE,
    PENDING,
    SUCCESS,
    UNKNOWN,
    worst_state,
)

MIN_LOOK_INTERVAL, MAX_LOOK_INTERVAL = timedelta(seconds=30), timedelta(minutes=10)
EVENT_DEBOUNCE = timedelta(seconds=10)
CHECKS_GRACE = timedelta(minutes=5)
"""The wait before a commit without any check counts as having none."""
TESTS_TROUBLE_PREFIX = "tests@"
UNFINISHED = "unfinished@"
"""The prefixes of the trouble's name if a commit fails the repo's own tests, or is unfinished."""
MAX_PENDING_TIME = timedelta(hours=24)
"""The time that checks may be pending, with no other change, before a person is asked."""
MAX_MERGE_ATTEMPTS = 5
"""The maximum attempts at a merge that the forge refuses with a possibly temporary error."""
LEFT_MERGE_QUEUE_MESSAGE = "the merge queue removed it without merging it"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts about a pull request, as the forge reports them."""

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
    def check_state(self) -> str:
        """The state of check runs and commit statuses in one word: the worse of both."""
        return worst_state((self.runs, self.statuses))

    @property
    def pending_checks(self) -> str:
        """The names of the unfinished checks, for people; at most three are listed."""
        names = [repr(name) for name in (*self.pending_runs, *self.pending_statuses)]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more

    @property
    def merge_key(self) -> str:
        """A digest of all facts that influence a merge, so that each combination is tried once."""
        return "|".join(
            str(part)
            for part in (
                *(self.head_sha, self.base, self.draft, self.mergeable),
                *(self.runs, self.statuses, self.reviews, self.review_id),
            )
        )


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request as its run tracks it."""

    facts: Facts
    opened_at: datetime
    changed_at: datetime
    head_seen_at: datetime
    handled: tuple[str, ...] = ()
    resumes: int = 0
    held_back: bool = False
    """True for a draft that exists only because the tests fail or the work is unfinished."""
    unfinished_sha: str | None = None
    """The commit of an agent that reached a limit before it finished."""
    wants_draft: bool = False
    """True if a draft was requested at a forge without drafts; it is never merged automatically."""
    looked_at: datetime | None = None
    left_alone_until: datetime | None = None
    """The time until which the forge asked for no more requests."""
    enqueued_sha: str | None = None
    """The commit that is in the merge queue."""
    merge_tries: int = 0
    merge_refused: str | None = None
    merge_refused_for: str = ""
    """The reason of the last refused merge, and the facts (`Facts.merge_key`) at that time."""

    def with_refused_merge(self, reason: str, *, final: bool) -> PullRequest:
        """Return the pull request after one more refused merge.

        A refusal that is not `final` may be temporary, and is retried up to `MAX_MERGE_ATTEMPTS`
        times.
        """
        tries = self.merge_tries if self.merge_refused_for == self.facts.merge_key else 0
        return replace(
            self,
            enqueued_sha=None,
            merge_refused=reason[:1000],
            merge_refused_for=self.facts.merge_key,
            merge_tries=MAX_MERGE_ATTEMPTS if final else tries + 1,
        )

    @property
    def is_enqueued(self) -> bool:
        """Return whether its present commit is in the merge queue."""
        return self.enqueued_sha is not None and self.enqueued_sha == self.facts.head_sha

    @property
    def waits_for(self) -> str | None:
        """The reason why it waits, for people, or None."""
        if self.facts.problem or self.facts.state != "open":
            return self.facts.problem
        if self.is_enqueued:
            return "the merge queue"
        pending = self.facts.check_state == PENDING and self.facts.pending_checks
        return f"the checks {pending}" if pending else None


class Move(StrEnum):
    """The action that the facts about a pull request require."""

    WAIT = "wait"
    COMPLETE = "complete"
    FAIL = "fail"
    NEEDS_ATTENTION = "attend"
    RESUME = "resume"
    RECOVERED = "right"
    MERGE = "merge"


@dataclass(frozen=True, kw_only=True)
class MergePolicy:
    """The actions that a repo allows without a person."""

    auto_merge: bool = False
    auto_resume: bool = False
    max_auto_resumes: int = 10


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The action, its reason, and the name of the trouble, which is handled only once."""

    move: Move
    reason: str = ""
    trouble: str = ""


def with_facts(pull: PullRequest | None, facts: Facts, now: datetime) -> PullRequest:
    """Return the pull request updated with new facts."""
    if pull is None:
        return PullRequest(
            facts=facts, opened_at=now, changed_at=now, head_seen_at=now, looked_at=now
        )
    was = pull.facts
    return replace(
        pull,
        facts=facts,
        changed_at=now if _comparable(facts) != _comparable(was) else pull.changed_at,
        head_seen_at=now if facts.head_sha != was.head_sha else pull.head_seen_at,
        held_back=pull.held_back and facts.draft,
        looked_at=now,
        left_alone_until=None,
    )


def _comparable(facts: Facts) -> tuple[object, ...]:
    return (
        *(facts.state, facts.head_sha, facts.draft, facts.mergeable),
        *(facts.runs, facts.statuses, facts.reviews, facts.review_id),
    )


def renamed_to(pull_url: str, repo_url: str) -> str | None:
    """Return the repo's present name at its forge, if it was renamed; otherwise None."""
    now, ours = urlsplit(pull_url), urlsplit(repo_url)
    name = "/".join(now.path.strip("/").split("/")[:2])
    same = name.lower() == ours.path.strip("/").lower()
    return None if same or not name or now.hostname != ours.hostname else name


def next_look(pull: PullRequest, now: datetime) -> timedelta:
    """Return the time until the next look: 5 % of the time since the last change, within bounds."""
    return min(MAX_LOOK_INTERVAL, max(MIN_LOOK_INTERVAL, (now - pull.changed_at) / 20))


def next_look_after_event(pull: PullRequest, now: datetime) -> datetime:
    """Return the time of the next look after an event of the forge.

    One look answers a burst of events, and none comes before the wait that the forge requested has
    ended.
    """
    rested = pull.looked_at + EVENT_DEBOUNCE if pull.looked_at else now
    return max(now, rested, pull.left_alone_until or now)


def judge_pull_request(
    pull: PullRequest,
    policy: MergePolicy,
    now: datetime,
    *,
    attended: bool,
    fails_tests: bool = False,
) -> Verdict:
    """Return the action that the facts require; `attended` is true if a person was already asked.

    `fails_tests` is true if the commit failed the repo's own tests before it was pushed.
    """
    facts = pull.facts
    if facts.state == "merged":
        return Verdict(move=Move.COMPLETE, reason="the pull request was merged")
    if facts.state == "closed":
        return Verdict(move=Move.FAIL, reason="the pull request was closed without a merge")
    trouble = _find_trouble(pull, fails_tests=fails_tests)
    if trouble and trouble.trouble not in pull.handled:
        if not policy.auto_resume:
            return _waiting_verdict() if attended else trouble
        if pull.resumes < policy.max_auto_resumes:
            return Verdict(move=Move.RESUME, reason=trouble.reason, trouble=trouble.trouble)
        reason = f"{trouble.reason}, after {pull.resumes} automatic resumes"
        return (
            Verdict(move=Move.NEEDS_ATTENTION, reason=reason)
            if not attended
            else _waiting_verdict()
        )
    if trouble or UNKNOWN in (facts.check_state, facts.reviews):
        return _waiting_verdict()
    if stuck := _why_stuck(pull, policy, now):
        return _waiting_verdict() if attended else Verdict(move=Move.NEEDS_ATTENTION, reason=stuck)
    if attended and facts.mergeable is not None and facts.reviews != CHANGES_REQUESTED:
        return Verdict(move=Move.RECOVERED, reason="the problem with the pull request is resolved")
    may = policy.auto_merge and not attended and not pull.wants_draft and not pull.is_enqueued
    ready = may and _is_ready(pull, now)
    return Verdict(move=Move.MERGE, reason="green and approved") if ready else _waiting_verdict()


def _waiting_verdict() -> Verdict:
    return Verdict(move=Move.WAIT)


def _find_trouble(pull: PullRequest, *, fails_tests: bool) -> Verdict | None:
    """Return the problem, if any, with a name that identifies it, so that it is handled once."""
    facts = pull.facts
    if pull.unfinished_sha is not None and pull.unfinished_sha == facts.head_sha:
        trouble = f"{UNFINISHED}{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its work is unfinished", trouble=trouble)
    if fails_tests:
        trouble = f"{TESTS_TROUBLE_PREFIX}{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its tests fail", trouble=trouble)
    if facts.check_state == FAILURE:
        trouble = f"checks@{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its checks fail", trouble=trouble)
    if facts.reviews == CHANGES_REQUESTED:
        trouble = f"review@{facts.review_id}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="changes are requested", trouble=trouble)
    if facts.mergeable is False:
        trouble = f"conflict@{facts.head_sha}"
        return Verdict(
            move=Move.NEEDS_ATTENTION, reason="it conflicts with its base branch", trouble=trouble
        )
    return None


def _why_stuck(pull: PullRequest, policy: MergePolicy, now: datetime) -> str | None:
    """Return why the run makes no progress although the pull request has no problem."""
    facts = pull.facts
    if facts.check_state == PENDING and now - pull.changed_at >= MAX_PENDING_TIME:
        return f"its checks have been pending for a day: {facts.pending_checks or 'unnamed'}"
    if policy.auto_merge and merge_is_refused(pull):
        return f"it is green and approved, but was not merged: {pull.merge_refused}"
    return None


def merge_is_refused(pull: PullRequest) -> bool:
    """Return whether the forge finally refused to merge the present state."""
    same = pull.merge_refused_for == pull.facts.merge_key
    return pull.merge_refused is not None and same and pull.merge_tries >= MAX_MERGE_ATTEMPTS


def _is_ready(pull: PullRequest, now: datetime) -> bool:
    facts = pull.facts
    none_came = facts.check_state == NONE and now - pull.head_seen_at >= CHECKS_GRACE
    green = facts.check_state == SUCCESS or none_came
    approved = facts.reviews in (APPROVED, NONE)
    return green and approved and facts.mergeable is True and not facts.draft
