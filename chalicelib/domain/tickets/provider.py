"""Ticket providers: connected trackers, and the progress of reading their tickets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.display_text import MAX_REASON_LENGTH
from chalicelib.domain.egress import checked_url
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.tickets.sync_cursor import ListingProgress

MAX_FAILURES = 5
INTERRUPTED_MESSAGE = "the last sync was interrupted; the next one continues where it stopped"
SYNC_INTERVAL = timedelta(minutes=1)
MAX_SYNC_DELAY = timedelta(minutes=10)
"""The longest time between syncs of an unavailable tracker, unless it requests a longer wait."""
CHANGE_OVERLAP = timedelta(minutes=2)
"""Changes are read from this long before the cursor: clocks differ, and trackers show changes late.
"""

_REQUIRED_FIELDS = {
    "github": ("repo",),
    "linear": (),
    "jira": ("baseUrl", "email"),
    "notion": ("dataSourceId",),
}
_OPTIONAL_FIELDS = {
    "github": ("baseUrl", "trustedBots"),
    "linear": ("baseUrl", "teamKey"),
    "jira": ("project",),
    "notion": ("baseUrl", "labelsProperty", "statusProperty"),
}
COMMENT_FIELDS = ("comments", "doneState", "doneLabel")
EDITABLE_FIELDS = ("name", "config", "enabled")
_IDENTITY_FIELDS = ("baseUrl", "repo", "teamKey", "project", "dataSourceId")
"""Settings that identify the set of tickets: a cursor is valid for this set alone."""


@dataclass(frozen=True, kw_only=True)
class TicketProvider:
    """A connected tracker. Its credential is stored in the vault under `secret_key`, not here.

    `cursor` is the newest change that is certainly processed, and `etag` belongs to the request
    that starts there. `changes` is the listing of newer changes in progress, and `look` the first
    listing for new triggers; either can take any number of syncs. `due_at` is the next sync, or the
    lease of the running one, during which `reading` is true. `asked` records a sync request that
    arrived during a sync.
    """

    id: str
    name: str
    source: str
    created_at: datetime
    updated_at: datetime
    config: dict[str, str] = field(default_factory=dict)
    version: int = 1
    enabled: bool = True
    due_at: datetime | None = None
    reading: bool = False
    cursor: datetime | None = None
    etag: str | None = None
    changes: ListingProgress | None = None
    look: ListingProgress | None = None
    asked: bool = False
    rests_until: datetime | None = None
    last_synced_at: datetime | None = None
    failures: int = 0
    outages: int = 0
    last_error: str | None = None
    disabled_reason: str | None = None

    @property
    def secret_key(self) -> str:
        return secret_key(self.id)

    @property
    def failed_syncs(self) -> int:
        """The number of consecutive failed syncs, including temporary failures."""
        return self.failures + self.outages

    @property
    def writes_comments(self) -> bool:
        """Return whether the status of runs is posted as comments on its tickets."""
        return self.config.get("comments", "on") == "on"

    @property
    def finishes_tickets(self) -> bool:
        """Return whether the ticket of a completed run gets a state or a label."""
        return "doneState" in self.config or "doneLabel" in self.config

    @property
    def open_listings(self) -> tuple[ListingProgress | None, ListingProgress | None]:
        """Its listings in progress: of changes, and the first listing for new triggers."""
        return self.changes, self.look

    @property
    def long_listing(self) -> ListingProgress | None:
        """The listing in progress that needs more than one sync, if any."""
        return self.look or self.changes

    @property
    def is_progressing(self) -> bool:
        """Return whether its progress is expected to change within seconds."""
        unread = self.long_listing is not None or self.last_synced_at is None
        return self.enabled and unread and not self.failed_syncs

    @property
    def leased_until(self) -> datetime | None:
        """The end of the running sync's lease, or None."""
        return self.due_at if self.reading else None

    @property
    def changes_since(self) -> datetime | None:
        """The time from which changes are requested, or None without a cursor."""
        return self.cursor - CHANGE_OVERLAP if self.cursor else None


def config_fields(source: str) -> tuple[str, ...]:
    """Return the valid names of a provider's config, required ones first."""
    return (*_REQUIRED_FIELDS[source], *_OPTIONAL_FIELDS[source], *COMMENT_FIELDS)


def secret_key(provider_id: str) -> str:
    """Return the key under which the vault stores a provider's credential."""
    return f"providers/{provider_id}"


def check_config(source: str, config: dict[str, str], allowed: Iterable[str]) -> None:
    """Raise `Invalid` with every missing, unknown or wrong field of a provider's config."""
    needed, allowed_names = _REQUIRED_FIELDS[source], config_fields(source)
    faults = [
        Fault(f"config.{name}", f"a {source} provider requires this field")
        for name in needed
        if not config.get(name, "").strip()
    ]
    faults += [
        Fault(f"config.{name}", f"unknown field of a {source} provider")
        for name in config
        if name not in allowed_names
    ]
    if config.get("baseUrl"):
        try:
            checked_url(config["baseUrl"], allowed, "config.baseUrl")
        except Invalid as refused:
            faults += refused.faults
    if source == "github" and config.get("repo", "a/b").count("/") != 1:
        faults.append(Fault("config.repo", "write it as owner/name"))
    faults += _comment_faults(source, config)
    if faults:
        raise Invalid.from_faults(faults)


def check_same_tracker(was: TicketProvider, config: dict[str, str]) -> None:
    """Raise `Invalid` if an edit would make a provider refer to another set of tickets."""
    message = "this setting identifies a different tracker; create a new provider instead"
    moved = [name for name in _IDENTITY_FIELDS if config.get(name) != was.config.get(name)]
    if moved:
        raise Invalid.from_faults(Fault(f"config.{name}", message) for name in moved)


def _comment_faults(source: str, config: dict[str, str]) -> list[Fault]:
    faults = []
    if config.get("comments", "on") not in ("on", "off"):
        faults.append(Fault("config.comments", "write on or off"))
    if source == "github" and config.get("doneState", "closed") != "closed":
        faults.append(Fault("config.doneState", "a GitHub issue can only be closed: write closed"))
    if source == "notion":
        pairs = {"doneState": "statusProperty", "doneLabel": "labelsProperty"}
        faults += [
            Fault(f"config.{needed}", f"{name} requires the name of the property")
            for name, needed in pairs.items()
            if name in config and needed not in config
        ]
    return faults


def apply_edit(new: TicketProvider, was: TicketProvider, now: datetime) -> TicketProvider:
    """Return a provider after an edit.

    Listings in progress are dropped if the edit changes how its tickets are read. Enabling it again
    clears its failures and makes it due.
    """
    resumed = new.enabled and not was.enabled
    due = was.due_at or _earliest_sync(was, now)
    edited_provider = replace(new, updated_at=now, due_at=due if new.enabled else None)
    if resumed:
        edited_provider = replace(edited_provider, failures=0, outages=0, disabled_reason=None)
    return (
        edited_provider
        if _identity_of(new) == _identity_of(was)
        else reset_listings(edited_provider)
    )


def _identity_of(provider: TicketProvider) -> dict[str, str]:
    return {name: text for name, text in provider.config.items() if name not in COMMENT_FIELDS}


def reset_listings(provider: TicketProvider) -> TicketProvider:
    """Return a provider without listings in progress; its cursor stays."""
    return replace(provider, changes=None, look=None)


def start_sync(provider: TicketProvider, until: datetime) -> TicketProvider:
    """Return a provider whose sync starts, leased `until`; an unfinished one before is recorded."""
    last_error = INTERRUPTED_MESSAGE if provider.reading else provider.last_error
    return replace(provider, due_at=until, reading=True, asked=False, last_error=last_error)


def finish_sync(provider: TicketProvider, now: datetime) -> TicketProvider:
    """Return a provider whose sync completed or ran out of time; an unfinished sync is due at once.

    Failures are forgotten after a restarted listing has come to its end, not before.
    """
    unread = [listing for listing in provider.open_listings if listing]
    repeated = any(listing.again for listing in unread)
    return replace(
        provider,
        due_at=now if unread or provider.asked else now + SYNC_INTERVAL,
        last_synced_at=now,
        failures=provider.failures if repeated else 0,
        outages=0,
        last_error=provider.last_error if repeated else None,
        reading=False,
        asked=False,
    )


def back_off(provider: TicketProvider, message: str, until: datetime) -> TicketProvider:
    """Return a provider whose tracker requested a wait; it is not synced before `until`."""
    return replace(
        provider,
        due_at=until,
        rests_until=until,
        last_error=message,
        reading=False,
        asked=False,
    )


def expedite_sync(provider: TicketProvider, now: datetime) -> TicketProvider:
    """Return a provider that is due now, or due again right after its running sync."""
    if provider.leased_until and provider.leased_until > now:
        return replace(provider, asked=True)
    return replace(provider, due_at=_earliest_sync(provider, now))


def _earliest_sync(provider: TicketProvider, now: datetime) -> datetime:
    return max(now, provider.rests_until or now)


def fail_sync(
    provider: TicketProvider, message: str, now: datetime, wait: timedelta | None = None
) -> TicketProvider:
    """Return a provider after one more failed sync; the fifth in a row disables it.

    Its cursor and listings stay, so no change is missed after it is enabled again.
    """
    failures = provider.failures + 1
    given_up = failures >= MAX_FAILURES
    return replace(
        provider,
        failures=failures,
        last_error=message[:MAX_REASON_LENGTH],
        reading=False,
        asked=False,
        due_at=None if given_up else now + max(SYNC_INTERVAL, wait or SYNC_INTERVAL),
        enabled=not given_up,
        disabled_reason=f"{failures} syncs in a row failed: {message}"[:MAX_REASON_LENGTH]
        if given_up
        else None,
    )


def delay_after_outage(
    provider: TicketProvider, message: str, now: datetime, wait: timedelta | None = None
) -> TicketProvider:
    """Return a provider after a temporary failure; the wait doubles with each.

    The wait is `wait` if that is longer, otherwise at most `MAX_SYNC_DELAY`. Such failures never
    disable it, and do not count towards the limit of those that do.
    """
    outages = provider.outages + 1
    grown = min(MAX_SYNC_DELAY, SYNC_INTERVAL * (1 << min(outages - 1, 10)))
    return replace(
        provider,
        outages=outages,
        last_error=message[:MAX_REASON_LENGTH],
        reading=False,
        asked=False,
        due_at=now + max(grown, wait or SYNC_INTERVAL),
    )
