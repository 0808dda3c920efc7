"""Syncs: reads the changes at a provider once, and fires the triggers that match them.

A sync that runs out of time is continued by the next one, after the last complete page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions import sending, tickets
from chalicelib.actions.noting import Displaced, Notes
from chalicelib.actions.tickets import Watch
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.listing import Listing, afresh, settled_until
from chalicelib.domain.provider import EVERY, Provider, begun, failed, read, rested, unanswered
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Limited, TicketPage, Tracker, Unreachable, World

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)
"""The lease of a sync; longer than its function's timeout."""
LONGEST = timedelta(seconds=10)
"""The time for which a sync reads: others wait for its worker, and the last answer may be slow."""
SHARE = timedelta(seconds=3)
"""The minimum time for the tickets of a page, even if the page arrived late."""


def sync(world: World, provider_id: str) -> None:
    """Continue reading a provider if it is due. Safe to repeat."""
    started = world.now()
    provider = _leased(world, provider_id)
    if provider is None:
        return
    notes = Notes(world, provider)
    with suppress(Displaced):
        notes.write(_read(world, notes, started))
        if notes.provider.due_at and notes.provider.due_at <= world.now():
            sending.send_soon(world, [notes.provider])


def _read(world: World, notes: Notes, started: datetime) -> Callable[[Provider], Provider]:
    """Continue reading, and return the change of the provider that records the result."""
    try:
        _read_on(world, notes, started)
    except Displaced:
        raise
    except Limited as limited:
        said, until = str(limited), world.now() + max(limited.wait, EVERY)
        return lambda provider: rested(provider, said, until)
    except Exception as error:
        log.exception("sync failed", extra={"provider": notes.provider.id})
        known = isinstance(error, Unreachable)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        wait = error.wait if isinstance(error, Unreachable) else None
        counted = unanswered if world.passes(error) else failed
        return lambda provider: counted(provider, reason, world.now(), wait)
    return lambda provider: read(provider, world.now())


def _read_on(world: World, notes: Notes, started: datetime) -> None:
    provider = notes.provider
    credential = world.vault.get(provider.secret_key)
    if credential is None:
        raise Unreachable("its credential is missing: PATCH the provider with a new one")
    tracker = world.trackers.open(provider, credential, started)
    watched = _waiting(world, provider)
    one = _Sync(world, notes, tracker, started)
    if one.changes(watched):
        one.look([watch for watch in watched if provider.id not in watch.config.looked])


def _leased(world: World, provider_id: str) -> Provider | None:
    try:
        provider = world.providers.get(provider_id)
    except NotFound:
        return None
    if not provider.enabled or provider.due_at is None:
        return None
    if not sending.reached(world, provider.due_at):
        return None
    new = replace(begun(provider, world.now() + LEASE), version=provider.version + 1)
    try:
        world.providers.put(new, provider)
    except Superseded:
        return None  # another message for the same time, or an edit that sends its own message
    return new


class _Sync:
    """One sync: first the changes, then the first listing for new triggers."""

    def __init__(self, world: World, notes: Notes, tracker: Tracker, started: datetime) -> None:
        self._world, self._notes, self._tracker = world, notes, tracker
        self._started = started

    def changes(self, watched: Sequence[Watch]) -> bool:
        """Read the changes since the cursor; return whether the listing was completed."""
        provider = self._notes.provider
        if provider.cursor is None:
            # One page, so that a wrong credential is detected at once, even without triggers.
            next(self._tracker.changed(self._started), None)
            self._notes.keep(cursor=self._started)
            # Before the first listing of any trigger; changes between it and the cursor would be
            # lost.
            self._notes.write()
            return True
        listing = provider.changes or Listing(began_at=self._started, since=provider.since)
        listing, last = self._read("changes", listing, watched, provider.etag)
        if last is None:
            return False
        # A change during the listing may belong to a page that was already read.
        newest = settled_until(listing, len(last.tickets)) or provider.cursor
        cursor = max(provider.cursor, min(newest, listing.began_at))
        etag = provider.etag if last.unchanged else last.etag
        fits = cursor == provider.cursor
        self._notes.keep(changes=None, cursor=cursor, etag=etag if fits else None)
        return True

    def look(self, new: Sequence[Watch]) -> None:
        """Read the open tickets for triggers without a first listing; the cursor stays.

        Triggers that are added or edited during a listing get their own after it ends.
        """
        listing = self._notes.provider.look
        same = [watch for watch in new if listing and listing.is_for(watch.trigger)]
        first = same or new
        if not first:
            self._notes.keep(look=None)
            return
        if listing is None or not same:
            listing = Listing(began_at=self._world.now())
        triggers = tuple((watch.trigger.id, watch.trigger.updated_at) for watch in first)
        _, last = self._read("look", replace(listing, triggers=triggers), first)
        if last is None:
            return
        for watch in first:
            _looked(self._world, self._notes.provider, watch.trigger)
        self._notes.keep(look=None)

    def _read(
        self, kind: str, listing: Listing, watches: Sequence[Watch], etag: str | None = None
    ) -> tuple[Listing, TicketPage | None]:
        """Process page by page; return the last page of the listing, or None if there are more."""
        for page in self._pages(kind, listing, etag):
            if not self._settled(kind, listing, watches, page):
                return listing, None
            listing = listing.turned(page.tickets, page.following)
            if page.following is None:
                return listing, page
            self._notes.keep(**{kind: listing})
            self._notes.write()
            if self._late(self._started, LONGEST):
                return listing, None
        return listing, TicketPage(())

    def _pages(self, kind: str, listing: Listing, etag: str | None) -> Iterator[TicketPage]:
        """Yield pages from the listing's position; restart if the tracker rejects the position."""
        position = listing.position
        try:
            for page in self._tracker.changed(listing.since, position, etag):
                position = page.following
                yield page
        except Unreachable as error:
            if position and error.senseless:
                self._notes.keep(**{kind: afresh(listing, self._world.now())})
            raise

    def _settled(
        self, kind: str, listing: Listing, watches: Sequence[Watch], page: TicketPage
    ) -> bool:
        """Fire the matching tickets of a page; return whether there was time for all of them."""
        came = self._world.now()
        left, runs = listing.left(page.tickets), list[Run]()
        settled = tickets.settle(self._world, self._tracker, watches, left, self._notes.provider)
        try:
            for ticket, brought in settled:
                runs += brought
                self._notes.keep(**{kind: replace(listing, after=ticket.external_id)})
                if self._late(self._started, LONGEST) and self._late(came, SHARE):
                    return False
        finally:
            sending.send_soon(self._world, runs)
        return True

    def _late(self, since: datetime, span: timedelta) -> bool:
        return self._world.now() - since >= span


def _waiting(world: World, provider: Provider) -> list[Watch]:
    """Return the triggers that match this provider's tickets, in one read."""
    pairs = world.triggers.of_source(provider.source)
    found = world.triggers.bases(pairs) if pairs else {}
    ours = provider.config.get("doneLabel")
    watches = [Watch(basis=b, provider_id=provider.id, our_label=ours) for b in found.values()]
    return [watch for watch in watches if watch.config.provider_id in (None, provider.id)]


def _looked(world: World, provider: Provider, trigger: Trigger) -> None:
    assert trigger.ticket is not None
    looked = replace(trigger.ticket, looked=(*trigger.ticket.looked, provider.id))
    new = replace(trigger, ticket=looked, version=trigger.version + 1)
    try:
        world.triggers.note(new, trigger)
    except Superseded:
        log.info(
            "first listing repeated", extra={"trigger": trigger.id}
        )  # it was edited: next time
