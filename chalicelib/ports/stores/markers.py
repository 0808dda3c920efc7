"""Protocol of the store of named times."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Markers(Protocol):
    """Named times, such as that of the last tick."""

    def record_time(self, name: str, at: datetime) -> None:
        """Replace the time of a name by another, even an earlier one."""

    def last_time(self, name: str) -> datetime | None:
        """Return the time of a name, None if it was never recorded; the read lags."""

    def record_once(self, name: str, at: datetime, until: datetime) -> bool:
        """Record a name that counts once until `until`; return whether it was the first time."""
