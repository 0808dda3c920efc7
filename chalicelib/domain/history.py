"""What is kept of each try at a run, and of what its ticket was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.output import Output


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
