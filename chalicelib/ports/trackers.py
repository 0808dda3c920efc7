"""Protocols of ticket trackers, the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.ids import RunId
from chalicelib.domain.texts.ticket_comment import CommentText
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket


class TrackerUnreachable(Exception):
    """A tracker did not answer, or not as expected; the message names a remedy.

    `passes` is true for a temporary failure, to be retried after `wait` if the tracker names one.
    `senseless` is true if the tracker rejected the request itself, such as an outdated position.
    `status` is the HTTP status, None without a response.
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


class TrackerRateLimited(Exception):
    """The rate limit of a tracker is reached; `wait` is the time until it may be called again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"the rate limit is reached, again in {wait.total_seconds():.0f} s")
        self.wait = wait


@dataclass(frozen=True)
class TicketPage:
    """A page of tickets and the position of the next one, None on the last page.

    `etag` is set only if the whole listing is one page; `unchanged` is true if the given ETag still
    holds, in which case the page is empty.
    """

    tickets: Sequence[Ticket]
    following: str | None = None
    etag: str | None = None
    unchanged: bool = False


class Tracker(Protocol):
    """The tickets of one provider.

    Each call raises `TrackerUnreachable` or `TrackerRateLimited`.
    """

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield the pages of tickets that changed since a time; all open tickets if it is None.

        `position` continues an earlier listing with the same `since`. Tickets come in an order in
        which every ticket that does not change during the listing is on one of its pages.
        """
        ...

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return a ticket with its complete body, and its comments, oldest first."""
        ...

    def find_comment(self, ticket_id: str, run_id: RunId) -> str | None:
        """Return the id of the comment with the mark of a run, None if there is none."""
        ...

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        """Create a comment, or replace the text of comment `comment_id`; return its id."""
        ...

    def finish_ticket(self, ticket_id: str) -> None:
        """Set the state and the label that the provider configures for finished tickets.

        Safe to repeat.
        """
        ...


class Trackers(Protocol):
    """The trackers of all providers."""

    def open_tracker(self, provider: TicketProvider, credential: str, now: datetime) -> Tracker:
        """Return a client of a provider's tracker; the first request verifies the credential."""
