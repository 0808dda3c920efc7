"""Where tickets live, as one small protocol for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.provider import Provider
from chalicelib.domain.reply_text import Note
from chalicelib.domain.ticket import Comment, Ticket


class Unreachable(Exception):
    """A tracker did not answer, or not as it should; the message says what a person can do.

    What `passes` is worth asking again, after `wait` where the tracker says how long. What was
    asked is `senseless` to it where it did not understand it, a position that it knows no more.
    `status` is that of its answer over HTTP, where there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        passes: bool = False,
        wait: timedelta | None = None,
        senseless: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.passes = passes
        self.wait = wait
        self.senseless = senseless
        self.status = status


class Limited(Exception):
    """A tracker asks to be left alone for a while."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"the rate limit is reached, again in {wait.total_seconds():.0f} s")
        self.wait = wait


@dataclass(frozen=True)
class TicketPage:
    """A page of tickets, and where the next one begins; there is none after the last.

    The only page of a listing brings its ETag, where there are such.
    """

    tickets: Sequence[Ticket]
    following: str | None = None
    etag: str | None = None
    unchanged: bool = False


class Tracker(Protocol):
    """One provider's tickets, in an order in which none is passed over while pages are read."""

    def changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield what changed since a moment to the end; without one, all that is open.

        A position is where an earlier listing since the same moment stopped. Whatever does not
        change while pages are read is on one of them.
        """
        ...

    def whole(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return a ticket with its whole body, and what was said about it, oldest first."""
        ...

    def find(self, ticket_id: str, run_id: str) -> str | None:
        """Return the id of the comment that carries the mark of a run."""
        ...

    def say(self, ticket_id: str, comment_id: str | None, note: Note) -> str:
        """Make a comment, or let one of ours say something else; return its id."""
        ...

    def finish(self, ticket_id: str) -> None:
        """Give a ticket the state and the label that its provider has for what is done."""
        ...


class Trackers(Protocol):
    """Trackers, opened with a provider's credential."""

    def open(self, provider: Provider, credential: str, now: datetime) -> Tracker: ...
