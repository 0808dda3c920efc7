"""The progress of listing a tracker's tickets, page by page, over any number of syncs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.tickets.ticket import Ticket
from chalicelib.domain.triggers.trigger import Trigger

READ_OVERLAP = timedelta(minutes=3)
"""The longest delay of a tracker in showing a change, and the largest lead of its clock."""


@dataclass(frozen=True, kw_only=True)
class ListingProgress:
    """The progress of a listing: of the tickets changed since `since`, or of all open ones if None.

    `position` is the tracker's cursor of the next page, and `after` is the last ticket of that page
    that is already processed. `newest` is the newest change of `count` tickets. `triggers` are the
    triggers that a first listing is for, each as it was when the listing began. `again` is true
    after a restart, which happens when the tracker rejects its `position`.
    """

    began_at: datetime
    since: datetime | None = None
    position: str | None = None
    after: str | None = None
    count: int = 0
    newest: datetime | None = None
    triggers: tuple[tuple[str, datetime], ...] = ()
    again: bool = False

    def remaining_tickets(self, page: Sequence[Ticket]) -> Sequence[Ticket]:
        """Return the tickets of the current page that are not processed yet."""
        names = [ticket.external_id for ticket in page]
        return page[names.index(self.after) + 1 :] if self.after in names else page

    def with_page_read(self, page: Sequence[Ticket], following: str | None) -> ListingProgress:
        """Return the listing advanced to the `following` page, after this page was processed."""
        moments = [ticket.updated_at for ticket in page]
        newest = max([*moments, *([self.newest] if self.newest else [])], default=None)
        count = self.count + len(page)
        return replace(self, position=following, after=None, count=count, newest=newest)

    def includes_trigger(self, trigger: Trigger) -> bool:
        """Return whether the listing is for this version of a trigger since its first page."""
        return (trigger.id, trigger.updated_at) in self.triggers


def restart_listing(listing: ListingProgress, now: datetime) -> ListingProgress:
    """Return a listing that restarts from the first page, because its position was rejected."""
    return ListingProgress(began_at=now, since=listing.since, triggers=listing.triggers, again=True)


def newest_change(listing: ListingProgress, on_last_page: int) -> datetime | None:
    """Return the newest change of a completed listing, for use as a cursor.

    A listing of several pages returns a later moment, before which no more changes can appear.
    Otherwise all its tickets would be read again every minute until something else changes.
    """
    if listing.count <= on_last_page or listing.newest is None:
        return listing.newest
    return max(listing.newest, listing.began_at - READ_OVERLAP)
