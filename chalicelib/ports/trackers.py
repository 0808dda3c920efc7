"""Where tickets live, as one small protocol for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.provider import Provider
from chalicelib.domain.ticket import Comment, Ticket


class Unreachable(Exception):
    """A tracker did not answer, or not as it should; the message says what a person can do."""


class Limited(Exception):
    """A tracker asks to be left alone for a while."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"the rate limit is reached, again in {wait.total_seconds():.0f} s")
        self.wait = wait


@dataclass(frozen=True)
class TicketPage:
    """A page of tickets; the first one of a listing brings its ETag, where there are such."""

    tickets: Sequence[Ticket]
    etag: str | None = None
    unchanged: bool = False


class Tracker(Protocol):
    """One provider's tickets, oldest first, so that none is passed over while pages are read."""

    def changed(self, since: datetime | None, etag: str | None) -> Iterator[TicketPage]:
        """Yield what changed since a moment to the end; without one, all that is open."""
        ...

    def whole(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return a ticket with its whole body, and what was said about it, oldest first."""
        ...


class Trackers(Protocol):
    """Trackers, opened with a provider's credential."""

    def open(self, provider: Provider, credential: str, now: datetime) -> Tracker: ...
