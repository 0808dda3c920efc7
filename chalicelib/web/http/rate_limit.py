"""A token bucket for each path and worker, so that a flood on one webhook spares the others."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

MAX_PATHS = 10_000


class TokenBuckets:
    """Buckets that gain `rate` tokens per second and hold at most twice as many."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kept: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take_token(self, path: str, now: datetime) -> timedelta:
        """Take a token for `path`; return the time to wait, zero if there was a token."""
        most = 2.0 * self._rate
        left, since = self._kept.pop(path, (most, now))
        left = min(most, left + max(0.0, (now - since).total_seconds()) * self._rate)
        wait = timedelta(0) if left >= 1 else timedelta(seconds=(1 - left) / self._rate)
        self._kept[path] = (left if wait else left - 1, now)
        if len(self._kept) > MAX_PATHS:
            self._kept.popitem(last=False)
        return wait
