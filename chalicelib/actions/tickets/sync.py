"""Syncs: reads the changes at a provider once, and fires the triggers that match them.

A sync that runs out of time is continued by the next one, after the last complete page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions import due_messages
from chalicelib.actions.tickets import tickets
from chalicelib.actions.tickets.sync_session import LeasedProvider, LeaseLost
from chalicelib.actions.tickets.tickets import TicketSubscription
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.runs.run import Run
from chalicelib.domain.tickets.provider import (
    SYNC_INTERVAL,
    TicketProvider,
    back_off,
    delay_after_outage,
    fail_sync,
    finish_sync,
    start_sync,
)
from chalicelib.domain.tickets.sync_cursor import ListingProgress, newest_change, restart_listing
from chalicelib.domain.triggers.trigger import OnTicket
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import TicketPage, Tracker, TrackerRateLimited, TrackerUnreachable, World

log = logging.getLogger(__name__)
LEASE_DURATION = timedelta(seconds=90)
"""The lease of a sync; longer than its function's timeout."""
MAX_SYNC_DURATION = timedelta(seconds=10)
"""The time for which a sync reads: others wait for its worker, and the last answer may be slow."""
MAX_CHANGES_DURATION = timedelta(seconds=3)
"""The minimum time for the tickets of a page, even if the page arrived late."""


def sync_provider(world: World, provider_id: str) -> None:
    """Continue reading a provider if it is due. Safe to repeat."""
    started = world.now()
    provider = _lease_provider(world, provider_id)
    if provider is None:
        return
    notes = LeasedProvider(world, provider)
    with suppress(LeaseLost):
        notes.write_changes(_read_and_finish(world, notes, started))
        if notes.provider.due_at and notes.provider.due_at <= world.now():
            due_messages.enqueue_if_due_soon(world, [notes.provider])


def _read_and_finish(
    world: World, notes: LeasedProvider, started: datetime
) -> Callable[[TicketProvider], TicketProvider]:
    """Continue reading, and return the change of the provider that records the result."""
    try:
        _read_pages(world, notes, started)
    except LeaseLost:
        raise
    except TrackerRateLimited as limited:
        message, until = str(limited), world.now() + max(limited.wait, SYNC_INTERVAL)
        return lambda provider: back_off(provider, message, until)
    except Exception as error:
        log.exception("sync failed", extra={"provider": notes.provider.id})
        is_known = isinstance(error, TrackerUnreachable)
        reason = str(error) if is_known else f"{type(error).__name__}: {error}"
        wait = error.wait if isinstance(error, TrackerUnreachable) else None
        counted = delay_after_outage if world.is_transient(error) else fail_sync
        return lambda provider: counted(provider, reason, world.now(), wait)
    return lambda provider: finish_sync(provider, world.now())


def _read_pages(world: World, notes: LeasedProvider, started: datetime) -> None:
    provider = notes.provider
    credential = world.vault.get(provider.secret_key, provider.updated_at)
    if credential is None:
        raise TrackerUnreachable("its credential is missing: PATCH the provider with a new one")
    tracker = world.trackers.open_tracker(provider, credential, started)
    watched = _find_subscriptions(world, provider)
    sync_run = _Sync(world, notes, tracker, started)
    if sync_run.read_changes(watched):
        sync_run.read_open_tickets(
            [watch for watch in watched if provider.id not in watch.ticket_settings.looked]
        )


def _lease_provider(world: World, provider_id: str) -> TicketProvider | None:
    try:
        provider = world.providers.get(provider_id)
    except NotFound:
        return None
    if not provider.enabled or provider.due_at is None:
        return None
    if not due_messages.wait_until_due(world, provider.due_at):
        return None
    new = as_next_version(start_sync(provider, world.now() + LEASE_DURATION), provider)
    try:
        world.providers.put(new, provider)
    except Superseded:
        return None  # another message for the same time, or an edit that sends its own message
    return new


class _Sync:
    """One sync: first the changes, then the first listing for new triggers."""

    def __init__(
        self, world: World, notes: LeasedProvider, tracker: Tracker, started: datetime
    ) -> None:
        self._world, self._notes, self._tracker = world, notes, tracker
        self._started = started

    def read_changes(self, watched: Sequence[TicketSubscription]) -> bool:
        """Read the changes since the cursor; return whether the listing was completed."""
        provider = self._notes.provider
        if provider.cursor is None:
            # One page, so that a wrong credential is detected at once, even without triggers.
            next(self._tracker.iter_changed(self._started), None)
            self._notes.stage_changes(cursor=self._started)
            # Before the first listing of any trigger; changes between it and the cursor would be
            # lost.
            self._notes.write_changes()
            return True
        listing = provider.changes or ListingProgress(
            began_at=self._started, since=provider.changes_since
        )
        listing, last = self._read_listing("changes", listing, watched, provider.etag)
        if last is None:
            return False
        # A change during the listing may belong to a page that was already read.
        newest = newest_change(listing, len(last.tickets)) or provider.cursor
        cursor = max(provider.cursor, min(newest, listing.began_at))
        etag = provider.etag if last.unchanged else last.etag
        fits = cursor == provider.cursor
        self._notes.stage_changes(changes=None, cursor=cursor, etag=etag if fits else None)
        return True

    def read_open_tickets(self, new: Sequence[TicketSubscription]) -> None:
        """Read the open tickets for triggers without a first listing; the cursor stays.

        Triggers that are added or edited during a listing get their own after it ends.
        """
        listing = self._notes.provider.look
        same = [watch for watch in new if listing and listing.includes_trigger(watch.trigger)]
        first = same or new
        if not first:
            self._notes.stage_changes(look=None)
            return
        if listing is None or not same:
            listing = ListingProgress(began_at=self._world.now())
        triggers = tuple((watch.trigger.id, watch.trigger.updated_at) for watch in first)
        _, last = self._read_listing("look", replace(listing, triggers=triggers), first)
        if last is None:
            return
        for watch in first:
            _mark_looked(self._world, self._notes.provider, watch.trigger)
        self._notes.stage_changes(look=None)

    def _read_listing(
        self,
        kind: str,
        listing: ListingProgress,
        watches: Sequence[TicketSubscription],
        etag: str | None = None,
    ) -> tuple[ListingProgress, TicketPage | None]:
        """Process page by page; return the last page of the listing, or None if there are more."""
        for page in self._iter_pages(kind, listing, etag):
            if not self._fire_page(kind, listing, watches, page):
                return listing, None
            listing = listing.with_page_read(page.tickets, page.following)
            if page.following is None:
                return listing, page
            self._notes.stage_changes(**{kind: listing})
            self._notes.write_changes()
            if self._is_over(self._started, MAX_SYNC_DURATION):
                return listing, None
        return listing, TicketPage(())

    def _iter_pages(
        self, kind: str, listing: ListingProgress, etag: str | None
    ) -> Iterator[TicketPage]:
        """Yield pages from the listing's position; restart if the tracker rejects the position."""
        position = listing.position
        try:
            for page in self._tracker.iter_changed(listing.since, position, etag):
                position = page.following
                yield page
        except TrackerUnreachable as error:
            if position and error.senseless:
                self._notes.stage_changes(**{kind: restart_listing(listing, self._world.now())})
            raise

    def _fire_page(
        self,
        kind: str,
        listing: ListingProgress,
        watches: Sequence[TicketSubscription],
        page: TicketPage,
    ) -> bool:
        """Fire the matching tickets of a page; return whether there was time for all of them."""
        came = self._world.now()
        left, runs = listing.remaining_tickets(page.tickets), list[Run]()
        settled = tickets.fire_matching_tickets(
            self._world, self._tracker, watches, left, self._notes.provider
        )
        try:
            for ticket, brought in settled:
                runs += brought
                self._notes.stage_changes(**{kind: replace(listing, after=ticket.external_id)})
                if self._is_over(self._started, MAX_SYNC_DURATION) and self._is_over(
                    came, MAX_CHANGES_DURATION
                ):
                    return False
        finally:
            due_messages.enqueue_if_due_soon(self._world, runs)
        return True

    def _is_over(self, since: datetime, span: timedelta) -> bool:
        return self._world.now() - since >= span


def _find_subscriptions(world: World, provider: TicketProvider) -> list[TicketSubscription]:
    """Return the triggers that match this provider's tickets, in one read."""
    pairs = world.triggers.list_of_source(provider.source)
    contexts = world.triggers.read_contexts(pairs) if pairs else {}
    ours = provider.config.get("doneLabel")
    watches = [
        TicketSubscription(basis=b, trigger=b.trigger, provider_id=provider.id, our_label=ours)
        for b in contexts.values()
        if isinstance(b.trigger, OnTicket)
    ]
    return [watch for watch in watches if watch.ticket_settings.provider_id in (None, provider.id)]


def _mark_looked(world: World, provider: TicketProvider, trigger: OnTicket) -> None:
    looked = replace(trigger.ticket, looked=(*trigger.ticket.looked, provider.id))
    new = replace(as_next_version(trigger, trigger), ticket=looked)
    try:
        world.triggers.save_progress(new, trigger)
    except Superseded:
        log.info(
            "first listing repeated", extra={"trigger": trigger.id}
        )  # it was edited: next time
