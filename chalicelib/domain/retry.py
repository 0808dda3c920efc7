"""How long a run waits before it is tried again by itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from chalicelib.domain.run import Run

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
LONGEST_LIMIT = timedelta(days=8)
"""Vendors' limits last for a week at most; what claims to last longer is not waited for."""

LONGEST_RESET = timedelta(hours=1)
_RESETS = ("x-ratelimit-reset", "x-ratelimit-requests-reset")
LONGEST_ASKED = timedelta(hours=6)
"""What a server asks for beyond that is asked again, so that nothing sleeps for ever."""


def backoff(run: Run, now: datetime, limit_ends: datetime | None = None) -> timedelta:
    """Return the wait before the next try: twice the last one, with a jitter.

    Where a reached limit is known to end later than that, the wait lasts until it has.
    """
    jitter = _jitter(run)
    wait = min(LONGEST, FIRST * (1 << min(run.retry_count, 10))) * (1 + jitter / 4)
    limit = limit_ends - now if limit_ends else timedelta(0)
    return limit + FIRST * jitter if wait < limit <= LONGEST_LIMIT else wait


def asked_wait(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long `Retry-After` asks to wait: in seconds, or up to a date of the same clock."""
    known = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    after = known.get("retry-after", "")
    if after.isdecimal():
        return min(LONGEST_ASKED, timedelta(seconds=min(int(after), 10**6)))
    try:
        wait = parsedate_to_datetime(after) - parsedate_to_datetime(known.get("date", ""))
    except (TypeError, ValueError):
        return None
    return min(LONGEST_ASKED, max(timedelta(0), wait))


def limit_wait(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """Return how long a reached limit lasts by its headers; `now` is the server's where not given.

    GitHub tells the end of a limit in seconds, Linear in milliseconds.
    """
    asked = asked_wait(headers)
    if asked is not None:
        return asked
    known = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    told = (known.get(name, "") for name in _RESETS)
    reset = next((text for text in told if text.isdecimal() and len(text) < 15), None)
    if reset is None:
        return None
    ends = datetime.fromtimestamp(int(reset) / (1000 if len(reset) > 11 else 1), UTC)
    try:
        wait = ends - (now or parsedate_to_datetime(known.get("date", "")))
    except (TypeError, ValueError):
        return None
    return min(LONGEST_RESET, max(timedelta(seconds=1), wait))


def _jitter(run: Run) -> float:
    """Return a part of 1 that is the run's and the try's own, and the same when asked again."""
    return uuid.uuid5(uuid.UUID(run.id), f"retry#{run.retry_count}").int % 1000 / 1000
