"""The variables of the page of the ticket providers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.tickets.provider import COMMENT_FIELDS, TicketProvider
from chalicelib.web.pages.contexts.base import FormContext, PageContext
from chalicelib.web.pages.contexts.labels import SOURCE_LABELS
from chalicelib.web.pages.contexts.marks import StateMark, mark_health
from chalicelib.web.pages.contexts.notices import Notice


@dataclass(frozen=True, kw_only=True)
class ListingNote:
    """The progress of a listing that needs more than one sync."""

    text: str
    began_at: datetime


@dataclass(frozen=True, kw_only=True)
class ProviderCard:
    """A ticket provider with its health. `error` is red, `past_error` is not."""

    id: str
    name: str
    details: str
    health: StateMark
    synced_at: datetime | None
    is_unsynced: bool
    next_attempt_at: datetime | None
    listing: ListingNote | None
    error: str | None
    past_error: str | None
    is_disabled: bool
    switch_button: str
    switch_label: str


def draw_provider_card(provider: TicketProvider) -> ProviderCard:
    """Return the card of a provider."""
    failures = provider.failed_syncs
    is_failing = bool(provider.disabled_reason or failures)
    return ProviderCard(
        id=provider.id,
        name=provider.name,
        details=" · ".join(_list_details(provider)),
        health=mark_health(
            enabled=provider.enabled, disabled_reason=provider.disabled_reason, failures=failures
        ),
        synced_at=provider.last_synced_at,
        is_unsynced=provider.last_synced_at is None and provider.enabled,
        next_attempt_at=provider.due_at if provider.enabled and failures else None,
        listing=_listing_note(provider),
        error=(provider.disabled_reason or provider.last_error) if is_failing else None,
        past_error=None if is_failing else provider.last_error,
        is_disabled=provider.disabled_reason is not None,
        switch_button="pause" if provider.enabled else "resume",
        switch_label="Pause" if provider.enabled else "Resume",
    )


def _list_details(provider: TicketProvider) -> list[str]:
    """Return its service, the settings that identify its tickets, and what it does to them."""
    config = provider.config
    settings = [
        text
        for name, text in config.items()
        if text != provider.name and name not in COMMENT_FIELDS
    ]
    silence = [] if provider.writes_comments else ["no comments"]
    ends = [f"{config[name]} when done" for name in ("doneState", "doneLabel") if config.get(name)]
    return [SOURCE_LABELS[provider.source], *settings, *silence, *ends]


def _listing_note(provider: TicketProvider) -> ListingNote | None:
    listing = provider.long_listing
    if listing is None:
        return None
    kind = "open" if provider.look else "changed"
    return ListingNote(
        text=f"Reading {kind} tickets: {listing.count:,} so far, since", began_at=listing.began_at
    )


@dataclass(frozen=True, kw_only=True)
class ProviderListing:
    """The providers; they are polled while a sync changes one of them within seconds."""

    cards: list[ProviderCard]
    is_polled: bool


def draw_provider_listing(providers: list[TicketProvider]) -> ProviderListing:
    """Return the list of the providers."""
    return ProviderListing(
        cards=[draw_provider_card(provider) for provider in providers],
        is_polled=any(provider.is_progressing for provider in providers),
    )


@dataclass(frozen=True, kw_only=True)
class ProviderListPart(PageContext):
    """The variables of the live part of the page."""

    template = "_tickets.html"

    listing: ProviderListing


@dataclass(frozen=True, kw_only=True)
class ProviderListPage(FormContext):
    """The variables of the page. `editing_id` is empty in the form of a new provider."""

    template = "tickets.html"

    notice: Notice | None
    listing: ProviderListing
    sources: list[tuple[str, str]]
    editing_id: str
    form_title: str
