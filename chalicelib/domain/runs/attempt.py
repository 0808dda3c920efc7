"""Attempts of a run with their stages, and the status comment on its ticket."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypedDict, Unpack

from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.phase import Phase

MAX_STAGES = 12
MAX_ATTEMPTS_WITH_STAGES = 10
"""The number of newest attempts that keep their stages: attempts are unlimited, a row is not."""


class AttemptOutcome(StrEnum):
    """The result of an attempt: its runner reports it, or is lost."""

    SUCCEEDED = "succeeded"
    NO_CHANGES = "no_changes"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class StageSpan:
    """One stage of a job, with its start and end by the runner's clock."""

    stage: Phase
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RunnerCapabilities:
    """The capabilities that a runner reports when it claims a job."""

    sandbox: bool
    reason: str | None = None
    """The reason why it has no sandbox."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a run's job. It has a log stream of its own."""

    number: int
    started_at: datetime
    runner: str
    ended_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    error_message: str | None = None
    cost_usd: float | None = None
    lines: int = 0
    """The number of its last line, 0 if its runner sent none at the end."""
    outputs: tuple[RunOutput, ...] = ()
    stages: tuple[StageSpan, ...] = ()
    capabilities: RunnerCapabilities | None = None


class AttemptChanges(TypedDict, total=False):
    """New values of fields of an attempt, at its end."""

    ended_at: datetime | None
    outcome: AttemptOutcome | None
    error_message: str | None
    cost_usd: float | None
    lines: int
    outputs: tuple[RunOutput, ...]


@dataclass(frozen=True, kw_only=True)
class TicketComment:
    """The status comment on the ticket of a run.

    `at` is when the comment is due for an update, None if it is not. `said` is the digest of its
    last text, and `held_until` is the lease of the process that writes it.
    """

    at: datetime | None = None
    comment: str | None = None
    said: str | None = None
    failures: int = 0
    held_until: datetime | None = None


def change_attempt(
    attempts: tuple[Attempt, ...], number: int, **changes: Unpack[AttemptChanges]
) -> tuple[Attempt, ...]:
    """Return the attempts with `changes` applied to the one with this number."""
    return tuple(
        replace(attempt, **changes) if attempt.number == number else attempt for attempt in attempts
    )


def with_stages(
    attempts: tuple[Attempt, ...], number: int, stages: tuple[StageSpan, ...]
) -> tuple[Attempt, ...]:
    """Return the attempts with `stages` set on attempt `number`; old attempts lose theirs."""
    with_stages_left = (
        replace(attempt, stages=stages) if stages and attempt.number == number else attempt
        for attempt in attempts
    )
    newest = len(attempts) - MAX_ATTEMPTS_WITH_STAGES
    return tuple(
        replace(attempt, stages=()) if index < newest and attempt.stages else attempt
        for index, attempt in enumerate(with_stages_left)
    )
