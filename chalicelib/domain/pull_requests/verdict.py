"""The action that the facts about a pull request require of its run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.pull_request import (
    MAX_MERGE_ATTEMPTS,
    PullRequest,
    PullRequestState,
)

CHECKS_GRACE = timedelta(minutes=5)
"""The wait before a commit without any check counts as having none."""
TESTS_TROUBLE_PREFIX = "tests@"
UNFINISHED = "unfinished@"
"""The prefixes of the trouble's name if a commit fails the repo's own tests, or is unfinished."""
MAX_PENDING_TIME = timedelta(hours=24)
"""The time that checks may be pending, with no other change, before a person is asked."""


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


def judge_pull_request(
    pull_request: PullRequest,
    policy: MergePolicy,
    now: datetime,
    *,
    attended: bool,
    fails_tests: bool = False,
) -> Verdict:
    """Return the action that the facts require; `attended` is true if a person was already asked.

    `fails_tests` is true if the commit failed the repo's own tests before it was pushed.
    """
    facts = pull_request.facts
    if facts.state == PullRequestState.MERGED:
        return Verdict(move=Move.COMPLETE, reason="the pull request was merged")
    if facts.state == PullRequestState.CLOSED:
        return Verdict(move=Move.FAIL, reason="the pull request was closed without a merge")
    trouble = _find_trouble(pull_request, fails_tests=fails_tests)
    if trouble and trouble.trouble not in pull_request.handled:
        if not policy.auto_resume:
            return _waiting_verdict() if attended else trouble
        if pull_request.resumes < policy.max_auto_resumes:
            return Verdict(move=Move.RESUME, reason=trouble.reason, trouble=trouble.trouble)
        reason = f"{trouble.reason}, after {pull_request.resumes} automatic resumes"
        return (
            Verdict(move=Move.NEEDS_ATTENTION, reason=reason)
            if not attended
            else _waiting_verdict()
        )
    is_unknown = facts.check_state == CheckState.UNKNOWN or facts.reviews == ReviewState.UNKNOWN
    if trouble or is_unknown:
        return _waiting_verdict()
    if stuck := _why_stuck(pull_request, policy, now):
        return _waiting_verdict() if attended else Verdict(move=Move.NEEDS_ATTENTION, reason=stuck)
    if attended and facts.mergeable is not None and facts.reviews != ReviewState.CHANGES_REQUESTED:
        return Verdict(move=Move.RECOVERED, reason="the problem with the pull request is resolved")
    may = (
        policy.auto_merge
        and not attended
        and not pull_request.wants_draft
        and not pull_request.is_enqueued
    )
    ready = may and _is_ready(pull_request, now)
    return Verdict(move=Move.MERGE, reason="green and approved") if ready else _waiting_verdict()


def _waiting_verdict() -> Verdict:
    return Verdict(move=Move.WAIT)


def _find_trouble(pull_request: PullRequest, *, fails_tests: bool) -> Verdict | None:
    """Return the problem, if any, with a name that identifies it, so that it is handled once."""
    facts = pull_request.facts
    if pull_request.unfinished_sha is not None and pull_request.unfinished_sha == facts.head_sha:
        trouble = f"{UNFINISHED}{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its work is unfinished", trouble=trouble)
    if fails_tests:
        trouble = f"{TESTS_TROUBLE_PREFIX}{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its tests fail", trouble=trouble)
    if facts.check_state == CheckState.FAILURE:
        trouble = f"checks@{facts.head_sha}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="its checks fail", trouble=trouble)
    if facts.reviews == ReviewState.CHANGES_REQUESTED:
        trouble = f"review@{facts.review_id}"
        return Verdict(move=Move.NEEDS_ATTENTION, reason="changes are requested", trouble=trouble)
    if facts.mergeable is False:
        trouble = f"conflict@{facts.head_sha}"
        return Verdict(
            move=Move.NEEDS_ATTENTION, reason="it conflicts with its base branch", trouble=trouble
        )
    return None


def _why_stuck(pull_request: PullRequest, policy: MergePolicy, now: datetime) -> str | None:
    """Return why the run makes no progress although the pull request has no problem."""
    facts = pull_request.facts
    if (
        facts.check_state == CheckState.PENDING
        and now - pull_request.changed_at >= MAX_PENDING_TIME
    ):
        return f"its checks have been pending for a day: {facts.pending_checks or 'unnamed'}"
    if policy.auto_merge and merge_is_refused(pull_request):
        return f"it is green and approved, but was not merged: {pull_request.merge_refused}"
    return None


def merge_is_refused(pull_request: PullRequest) -> bool:
    """Return whether the forge finally refused to merge the present state."""
    same = pull_request.merge_refused_for == pull_request.facts.merge_key
    return (
        pull_request.merge_refused is not None
        and same
        and pull_request.merge_tries >= MAX_MERGE_ATTEMPTS
    )


def _is_ready(pull_request: PullRequest, now: datetime) -> bool:
    facts = pull_request.facts
    none_came = (
        facts.check_state == CheckState.NONE and now - pull_request.head_seen_at >= CHECKS_GRACE
    )
    green = facts.check_state == CheckState.SUCCESS or none_came
    approved = facts.reviews in (ReviewState.APPROVED, ReviewState.NONE)
    return green and approved and facts.mergeable is True and not facts.draft
