"""Pull requests: the known facts about one, and the times at which they are read.

Nothing is assumed: each fact is an answer of the forge, or `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from chalicelib.domain.display_text import MAX_REASON_LENGTH
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState, worst_state

MIN_LOOK_INTERVAL, MAX_LOOK_INTERVAL = timedelta(seconds=30), timedelta(minutes=10)
EVENT_DEBOUNCE = timedelta(seconds=10)
MAX_MERGE_ATTEMPTS = 5
"""The maximum attempts at a merge that the forge refuses with a possibly temporary error."""
LEFT_MERGE_QUEUE_MESSAGE = "the merge queue removed it without merging it"


class PullRequestState(StrEnum):
    """The state of a pull request at its forge."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts about a pull request, as the forge reports them."""

    number: int
    url: str
    state: PullRequestState
    head_sha: str
    base: str = ""
    draft: bool = False
    mergeable: bool | None = None
    asked: bool = False
    runs: CheckState = CheckState.UNKNOWN
    statuses: CheckState = CheckState.UNKNOWN
    reviews: ReviewState = ReviewState.UNKNOWN
    review_id: int | None = None
    etags: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    pending_runs: tuple[str, ...] = ()
    pending_statuses: tuple[str, ...] = ()

    @property
    def check_state(self) -> CheckState:
        """The state of check runs and commit statuses together: the worse of both."""
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
            merge_refused=reason[:MAX_REASON_LENGTH],
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
        if self.facts.problem or self.facts.state != PullRequestState.OPEN:
            return self.facts.problem
        if self.is_enqueued:
            return "the merge queue"
        pending = self.facts.check_state == CheckState.PENDING and self.facts.pending_checks
        return f"the checks {pending}" if pending else None


def with_facts(pull_request: PullRequest | None, facts: Facts, now: datetime) -> PullRequest:
    """Return the pull request updated with new facts."""
    if pull_request is None:
        return PullRequest(
            facts=facts, opened_at=now, changed_at=now, head_seen_at=now, looked_at=now
        )
    was = pull_request.facts
    return replace(
        pull_request,
        facts=facts,
        changed_at=now if _comparable(facts) != _comparable(was) else pull_request.changed_at,
        head_seen_at=now if facts.head_sha != was.head_sha else pull_request.head_seen_at,
        held_back=pull_request.held_back and facts.draft,
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


def next_look(pull_request: PullRequest, now: datetime) -> timedelta:
    """Return the time until the next look: 5 % of the time since the last change, within bounds."""
    return min(MAX_LOOK_INTERVAL, max(MIN_LOOK_INTERVAL, (now - pull_request.changed_at) / 20))


def next_look_after_event(pull_request: PullRequest, now: datetime) -> datetime:
    """Return the time of the next look after an event of the forge.

    One look answers a burst of events, and none comes before the wait that the forge requested has
    ended.
    """
    rested = pull_request.looked_at + EVENT_DEBOUNCE if pull_request.looked_at else now
    return max(now, rested, pull_request.left_alone_until or now)
