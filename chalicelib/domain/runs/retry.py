"""Wait before the automatic retry of a run."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from chalicelib.domain.runs.run import Run

FIRST_DELAY = timedelta(seconds=30)
MAX_DELAY = timedelta(minutes=30)
MAX_RATE_LIMIT_DELAY = timedelta(days=8)
"""Rate limits of vendors last at most a week; a longer one is not waited for."""


def retry_backoff(run: Run, now: datetime, limit_ends: datetime | None = None) -> timedelta:
    """Return the wait before the next try: twice the previous one, up to 30 minutes, plus jitter.

    If a rate limit is known to end later (at most `MAX_RATE_LIMIT_DELAY` from now), the wait lasts
    until
    after its end.
    """
    jitter = _jitter_of(run)
    wait = min(MAX_DELAY, FIRST_DELAY * (1 << min(run.retry_count, 10))) * (1 + jitter / 4)
    limit = limit_ends - now if limit_ends else timedelta(0)
    return limit + FIRST_DELAY * jitter if wait < limit <= MAX_RATE_LIMIT_DELAY else wait


def _jitter_of(run: Run) -> float:
    """Return a number from 0 to 1 that is fixed for this run and this retry."""
    return uuid.uuid5(uuid.UUID(run.id), f"retry#{run.retry_count}").int % 1000 / 1000
