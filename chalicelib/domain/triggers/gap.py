"""A gap in a schedule: neighbouring moments that did not fire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class MissedGap:
    """Consecutive scheduled occurrences that did not fire: the oldest, the newest, their number."""

    first: datetime
    last: datetime
    count: int
