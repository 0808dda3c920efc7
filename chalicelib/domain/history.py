"""What is kept of each try at a run."""

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
