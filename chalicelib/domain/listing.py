"""A listing of a tracker's tickets, read page by page, for as many syncs as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.ticket import Ticket
from chalicelib.domain.trigger import Trigger

LATEST = timedelta(minutes=3)
"""How late a tracker shows a change, at the most, or how much later its clock says that it is."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """How far a listing has been read: of what changed `since` a moment, or of all that is open.

    `position` is where its next page begins, in the tracker's own words, `after` the last ticket
    of that page which is settled. `newest` is the newest change of `count` tickets. `triggers`
    are those that a first look is for, each as it was when the look began. A listing is `again`
    once its tracker did not know its position any more.
    """

    began_at: datetime
    since: datetime | None = None
    position: str | None = None
    after: str | None = None
    count: int = 0
    newest: datetime | None = None
    triggers: tuple[tuple[str, datetime], ...] = ()
    again: bool = False

    def left(self, page: Sequence[Ticket]) -> Sequence[Ticket]:
        """Return the tickets of the page at the position that are not settled yet."""
        names = [ticket.external_id for ticket in page]
        return page[names.index(self.after) + 1 :] if self.after in names else page

    def turned(self, page: Sequence[Ticket], following: str | None) -> Listing:
        """Return the listing once a page is settled."""
        moments = [ticket.updated_at for ticket in page]
        newest = max([*moments, *([self.newest] if self.newest else [])], default=None)
        count = self.count + len(page)
        return replace(self, position=following, after=None, count=count, newest=newest)

    def is_for(self, trigger: Trigger) -> bool:
        """Whether a trigger has been there, as it is now, since the first page."""
        return (trigger.id, trigger.updated_at) in self.triggers


def afresh(listing: Listing, now: datetime) -> Listing:
    """Return a listing that begins anew, since its tracker knows its position no more."""
    return Listing(began_at=now, since=listing.since, triggers=listing.triggers, again=True)


def settled_until(listing: Listing, on_last_page: int) -> datetime | None:
    """Return the newest change of a listing that came to its end.

    Where that took several pages it is a later moment once nothing can have come before it: else
    all of them would be read again each minute, until something else changes.
    """
    if listing.count <= on_last_page or listing.newest is None:
        return listing.newest
    return max(listing.newest, listing.began_at - LATEST)
