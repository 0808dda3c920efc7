"""Plugs adapters into ports, importing each on first use: the one place for late imports."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache


class Wiring:
    """The real world: tables, queues and services of this stage."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@cache
def world() -> Wiring:
    """Return the one world of this process."""
    return Wiring()
