"""Syncs: what changed at a provider is read once, and fires whatever waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions import sending, tickets
from chalicelib.actions.persisting import persist
from chalicelib.actions.tickets import Watch
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.provider import EVERY, Provider, begun, failed
from chalicelib.domain.run import Run
from chalicelib.domain.ticket import Ticket
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import Limited, Tracker, Unreachable, World

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)
"""For how long a sync keeps others away; longer than its function may take."""
SHORT_WAIT = timedelta(seconds=1.5)


def sync(world: World, provider_id: str) -> None:
    """Read what changed at a provider since its cursor, if it is due. Safe to repeat."""
    begun = world.now()
    provider = _leased(world, provider_id)
    if provider is None:
        return
    try:
        _read(world, provider, begun)
    except Limited as limited:
        _later(world, provider.id, str(limited), limited.wait)
    except Exception as error:
        log.exception("sync failed", extra={"provider": provider.id})
        known = isinstance(error, Unreachable)
        said = str(error) if known else f"{type(error).__name__}: {error}"
        wait = error.wait if isinstance(error, Unreachable) else None
        _note(world, provider.id, lambda now: failed(now, said, world.now(), wait))


def _leased(world: World, provider_id: str) -> Provider | None:
    try:
        provider = world.providers.get(provider_id)
    except NotFound:
        return None
    if not provider.enabled or provider.due_at is None:
        return None
    rest = provider.due_at - world.now()
    if timedelta(0) < rest <= SHORT_WAIT:
        world.wait(rest)
    elif rest > SHORT_WAIT:
        return None
    new = replace(begun(provider, world.now() + LEASE), version=provider.version + 1)
    try:
        world.providers.put(new, provider)
    except Superseded:
        return None  # another message for the same moment, or an edit that sends its own
    return new


def _read(world: World, provider: Provider, begun: datetime) -> None:
    credential = world.vault.get(provider.secret_key)
    if credential is None:
        raise Unreachable("its credential is gone: PATCH it with a new one")
    tracker = world.trackers.open(provider, credential, begun)
    watched = _waiting(world, provider)
    _first_looks(world, provider, tracker, watched)
    if provider.cursor is None:
        # One page, so that a wrong credential shows at once, waited for or not.
        next(tracker.changed(begun, None), None)
        _settled(world, provider, begun, None)
        return
    newest, etag = provider.cursor, None
    for page in tracker.changed(provider.since, provider.etag):
        if page.unchanged:
            etag = provider.etag
            break
        etag = etag or page.etag
        _settle(world, tracker, watched, page.tickets)
        newest = max([newest, *(ticket.updated_at for ticket in page.tickets)])
    # What changed while pages were read may be on one that was read before.
    cursor = max(provider.cursor, min(newest, begun))
    _settled(world, provider, cursor, etag if cursor == provider.cursor else None)


def _waiting(world: World, provider: Provider) -> list[Watch]:
    """Return the triggers that wait for this provider's tickets, one read for all of them."""
    pairs = world.triggers.of_source(provider.source)
    found = world.triggers.bases(pairs) if pairs else {}
    ours = provider.config.get("doneLabel")
    watches = [Watch(basis=b, provider_id=provider.id, our_label=ours) for b in found.values()]
    return [watch for watch in watches if watch.config.provider_id in (None, provider.id)]


def _first_looks(
    world: World, provider: Provider, tracker: Tracker, watched: Iterable[Watch]
) -> None:
    """Look through what is open for each trigger that never did; that moves no cursor."""
    new = [watch for watch in watched if provider.id not in watch.config.looked]
    if not new:
        return
    for page in tracker.changed(None, None):
        _settle(world, tracker, new, page.tickets, provider)
    for watch in new:
        _looked(world, provider, watch.trigger)


def _looked(world: World, provider: Provider, trigger: Trigger) -> None:
    assert trigger.ticket is not None
    looked = replace(trigger.ticket, looked=(*trigger.ticket.looked, provider.id))
    new = replace(trigger, ticket=looked, version=trigger.version + 1)
    try:
        world.triggers.note(new, trigger)
    except Superseded:
        log.info("looks again", extra={"trigger": trigger.id})  # it was edited: next time


def _settle(
    world: World,
    tracker: Tracker,
    watches: list[Watch],
    page: Iterable[Ticket],
    first_look_at: Provider | None = None,
) -> None:
    runs: list[Run] = []
    try:
        runs.extend(tickets.settle(world, tracker, watches, page, first_look_at))
    finally:
        sending.send_soon(world, runs)


def _settled(world: World, provider: Provider, cursor: datetime, etag: str | None) -> None:
    now = world.now()

    def done(current: Provider) -> Provider:
        return replace(
            current,
            cursor=cursor,
            etag=etag,
            due_at=_next(current, provider, now),
            last_synced_at=now,
            failures=0,
            last_error=None,
            reading=False,
        )

    _note(world, provider.id, done)


def _next(current: Provider, leased: Provider, now: datetime) -> datetime | None:
    """Return the next sync; one that somebody asked for meanwhile stays due."""
    if not current.enabled:
        return None
    asked = current.due_at if current.due_at != leased.due_at else None
    return min(asked, now + EVERY) if asked else now + EVERY


def _later(world: World, provider_id: str, said: str, wait: timedelta) -> None:
    def limited(current: Provider) -> Provider:
        due = world.now() + max(wait, EVERY) if current.enabled else None
        return replace(current, due_at=due, last_error=said, reading=False)

    _note(world, provider_id, limited)


def _note(world: World, provider_id: str, change: Callable[[Provider], Provider]) -> None:
    """Write what a sync notes over whatever was edited meanwhile."""

    def noted() -> None:
        current = world.providers.get(provider_id)
        world.providers.put(replace(change(current), version=current.version + 1), current)

    with suppress(NotFound):
        persist(f"provider {provider_id!r}", noted)
