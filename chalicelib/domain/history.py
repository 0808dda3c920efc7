"""Attempts at a run with their stages, and the comment that its ticket was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.output import Output

MOST_STAGES = 12
STAGES_KEPT_OF = 10
"""Attempts whose stages are kept, the newest: a run may have any number, its row has a limit."""


@dataclass(frozen=True, kw_only=True)
class StageSpan:
    """One stage of a job, with its begin and its end in the time of its runner."""

    stage: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RunnerCapabilities:
    """The abilities that a runner reports when it claims."""

    sandbox: bool
    reason: str | None = None
    """Why it has no sandbox."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a run's job; its log is a stream of its own."""

    number: int
    started_at: datetime
    runner: str
    ended_at: datetime | None = None
    outcome: str | None = None
    error_message: str | None = None
    cost_usd: float | None = None
    lines: int = 0
    outputs: tuple[Output, ...] = ()
    stages: tuple[StageSpan, ...] = ()
    capabilities: RunnerCapabilities | None = None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the ticket of a run was told, in one comment.

    `at` is when there is something to say, if there is; `said` is the digest of what was said
    last, and `held_until` the lease of the one who is saying it.
    """

    at: datetime | None = None
    comment: str | None = None
    said: str | None = None
    failures: int = 0
    held_until: datetime | None = None


def with_stages(
    attempts: tuple[Attempt, ...], number: int, stages: tuple[StageSpan, ...]
) -> tuple[Attempt, ...]:
    """Return the attempts with the stages of the one of this number; old ones lose theirs."""
    kept = (
        replace(attempt, stages=stages) if stages and attempt.number == number else attempt
        for attempt in attempts
    )
    newest = len(attempts) - STAGES_KEPT_OF
    return tuple(
        replace(attempt, stages=()) if place < newest and attempt.stages else attempt
        for place, attempt in enumerate(kept)
    )
