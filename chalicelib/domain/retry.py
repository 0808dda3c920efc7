"""How long a run waits before it is tried again by itself."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from chalicelib.domain.run import Run

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
LONGEST_LIMIT = timedelta(days=8)
"""Vendors' limits last for a week at most; what claims to last longer is not waited for."""


def backoff(run: Run, now: datetime, limit_ends: datetime | None = None) -> timedelta:
    """Return the wait before the next try: twice the last one, with a jitter.

    Where a reached limit is known to end later than that, the wait lasts until it has.
    """
    jitter = _jitter(run)
    wait = min(LONGEST, FIRST * (1 << min(run.retry_count, 10))) * (1 + jitter / 4)
    limit = limit_ends - now if limit_ends else timedelta(0)
    return limit + FIRST * jitter if wait < limit <= LONGEST_LIMIT else wait


def _jitter(run: Run) -> float:
    """Return a part of 1 that is the run's and the try's own, and the same when asked again."""
    return uuid.uuid5(uuid.UUID(run.id), f"retry#{run.retry_count}").int % 1000 / 1000
