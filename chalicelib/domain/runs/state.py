"""The states of a run, and the moves between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    PR_OPENED = "pr_opened"
    NEEDS_ATTENTION = "needs_attention"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = State
MOVES: dict[State, frozenset[State]] = {
    S.QUEUED: frozenset({S.PROVISIONING, S.CANCELLED, S.FAILED}),
    S.PROVISIONING: frozenset({S.RUNNING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset(
        {S.PR_OPENED, S.COMPLETED, S.NEEDS_ATTENTION, S.FAILED, S.CANCELLED, S.QUEUED}
    ),
    S.NEEDS_ATTENTION: frozenset({S.PR_OPENED, S.QUEUED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.PR_OPENED: frozenset({S.COMPLETED, S.NEEDS_ATTENTION, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED, S.PR_OPENED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    S.COMPLETED: frozenset(),
}
FINAL_STATES = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED})
COMMENTED_STATES = FINAL_STATES | {S.RUNNING, S.PR_OPENED, S.NEEDS_ATTENTION}
"""The states in which the status comment on the run's ticket is updated."""
FOLLOWED_STATES = frozenset({S.PR_OPENED, S.NEEDS_ATTENTION, S.FAILED})
"""The states in which a run's pull request is tracked."""
HOLDS_SLOT = frozenset({S.PROVISIONING, S.RUNNING})
ACTIVE_STATES = HOLDS_SLOT | {S.QUEUED}
"""The states in which a run overlaps a new firing of its blueprint."""
