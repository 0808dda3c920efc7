"""Ticket providers: connected trackers, and the progress of reading their tickets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.address import checked_url
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.listing import Listing

MOST_FAILURES = 5
UNENDED = "the last sync was interrupted; the next one continues where it stopped"
EVERY = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=10)
"""The longest time between syncs of an unavailable tracker, unless it requests a longer wait."""
OVERLAP = timedelta(minutes=2)
"""Changes are read from this long before the cursor: clocks differ, and trackers show changes late.
"""

_NEEDED = {
    "github": ("repo",),
    "linear": (),
    "jira": ("baseUrl", "email"),
    "notion": ("dataSourceId",),
}
_ALLOWED = {
    "github": ("baseUrl", "trustedBots"),
    "linear": ("baseUrl", "teamKey"),
    "jira": ("project",),
    "notion": ("baseUrl", "labelsProperty", "statusProperty"),
}
ANSWERS = ("comments", "doneState", "doneLabel")
EDITED = ("name", "config", "enabled")
_PLACE = ("baseUrl", "repo", "teamKey", "project", "dataSourceId")
"""Settings that identify the set of tickets: a cursor is valid for this set alone."""


@dataclass(frozen=True, kw_only=True)
class Provider:
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
    changes: Listing | None = None
    look: Listing | None = None
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
    def comments(self) -> bool:
        """Return whether the status of runs is posted as comments on its tickets."""
        return self.config.get("comments", "on") == "on"

    @property
    def finishes(self) -> bool:
        """Return whether the ticket of a completed run gets a state or a label."""
        return "doneState" in self.config or "doneLabel" in self.config

    @property
    def listings(self) -> tuple[Listing | None, Listing | None]:
        """Its listings in progress: of changes, and the first listing for new triggers."""
        return self.changes, self.look

    @property
    def progress(self) -> Listing | None:
        """The listing in progress that needs more than one sync, if any."""
        return self.look or self.changes

    @property
    def on_its_way(self) -> bool:
        """Return whether its progress is expected to change within seconds."""
        unread = self.progress is not None or self.last_synced_at is None
        return self.enabled and unread and not self.failed_syncs

    @property
    def leased_until(self) -> datetime | None:
        """The end of the running sync's lease, or None."""
        return self.due_at if self.reading else None

    @property
    def since(self) -> datetime | None:
        """The time from which changes are requested, or None without a cursor."""
        return self.cursor - OVERLAP if self.cursor else None


def fields_of(source: str) -> tuple[str, ...]:
    """Return the valid names of a provider's config, required ones first."""
    return (*_NEEDED[source], *_ALLOWED[source], *ANSWERS)


def secret_key(provider_id: str) -> str:
    """Return the key under which the vault stores a provider's credential."""
    return f"providers/{provider_id}"


def check_config(source: str, config: dict[str, str], allowed: Iterable[str]) -> None:
    """Raise `Invalid` with every missing, unknown or wrong field of a provider's config."""
    needed, known = _NEEDED[source], fields_of(source)
    faults = [
        Fault(f"config.{name}", f"a {source} provider requires this field")
        for name in needed
        if not config.get(name, "").strip()
    ]
    faults += [
        Fault(f"config.{name}", f"unknown field of a {source} provider")
        for name in config
        if name not in known
    ]
    if config.get("baseUrl"):
        try:
            checked_url(config["baseUrl"], allowed, "config.baseUrl")
        except Invalid as refused:
            faults += refused.faults
    if source == "github" and config.get("repo", "a/b").count("/") != 1:
        faults.append(Fault("config.repo", "write it as owner/name"))
    faults += _wrong_answers(source, config)
    if faults:
        raise Invalid.of(faults)


def check_place(was: Provider, config: dict[str, str]) -> None:
    """Raise `Invalid` if an edit would make a provider refer to another set of tickets."""
    message = "this setting identifies a different tracker; create a new provider instead"
    moved = [name for name in _PLACE if config.get(name) != was.config.get(name)]
    if moved:
        raise Invalid.of(Fault(f"config.{name}", message) for name in moved)


def _wrong_answers(source: str, config: dict[str, str]) -> list[Fault]:
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


def edited(new: Provider, was: Provider, now: datetime) -> Provider:
    """Return a provider after an edit.

    Listings in progress are dropped if the edit changes how its tickets are read. Enabling it again
    clears its failures and makes it due.
    """
    resumed = new.enabled and not was.enabled
    due = was.due_at or _soonest(was, now)
    kept = replace(new, updated_at=now, due_at=due if new.enabled else None)
    if resumed:
        kept = replace(kept, failures=0, outages=0, disabled_reason=None)
    return kept if _seen(new) == _seen(was) else unread(kept)


def _seen(provider: Provider) -> dict[str, str]:
    return {name: text for name, text in provider.config.items() if name not in ANSWERS}


def unread(provider: Provider) -> Provider:
    """Return a provider without listings in progress; its cursor stays."""
    return replace(provider, changes=None, look=None)


def begun(provider: Provider, until: datetime) -> Provider:
    """Return a provider whose sync starts, leased `until`; an unfinished one before is recorded."""
    said = UNENDED if provider.reading else provider.last_error
    return replace(provider, due_at=until, reading=True, asked=False, last_error=said)


def read(provider: Provider, now: datetime) -> Provider:
    """Return a provider whose sync completed or ran out of time; an unfinished sync is due at once.

    Failures are forgotten after a restarted listing has come to its end, not before.
    """
    unread = [listing for listing in provider.listings if listing]
    repeated = any(listing.again for listing in unread)
    return replace(
        provider,
        due_at=now if unread or provider.asked else now + EVERY,
        last_synced_at=now,
        failures=provider.failures if repeated else 0,
        outages=0,
        last_error=provider.last_error if repeated else None,
        reading=False,
        asked=False,
    )


def rested(provider: Provider, message: str, until: datetime) -> Provider:
    """Return a provider whose tracker requested a wait; it is not synced before `until`."""
    return replace(
        provider,
        due_at=until,
        rests_until=until,
        last_error=message,
        reading=False,
        asked=False,
    )


def hastened(provider: Provider, now: datetime) -> Provider:
    """Return a provider that is due now, or due again right after its running sync."""
    if provider.leased_until and provider.leased_until > now:
        return replace(provider, asked=True)
    return replace(provider, due_at=_soonest(provider, now))


def _soonest(provider: Provider, now: datetime) -> datetime:
    return max(now, provider.rests_until or now)


def failed(
    provider: Provider, message: str, now: datetime, wait: timedelta | None = None
) -> Provider:
    """Return a provider after one more failed sync; the fifth in a row disables it.

    Its cursor and listings stay, so no change is missed after it is enabled again.
    """
    failures = provider.failures + 1
    given_up = failures >= MOST_FAILURES
    return replace(
        provider,
        failures=failures,
        last_error=message[:1000],
        reading=False,
        asked=False,
        due_at=None if given_up else now + max(EVERY, wait or EVERY),
        enabled=not given_up,
        disabled_reason=f"{failures} syncs in a row failed: {message}"[:1000] if given_up else None,
    )


def unanswered(
    provider: Provider, message: str, now: datetime, wait: timedelta | None = None
) -> Provider:
    """Return a provider after a temporary failure; the wait doubles with each.

    The wait is `wait` if that is longer, otherwise at most `LONGEST_WAIT`. Such failures never
    disable it, and do not count towards the limit of those that do.
    """
    outages = provider.outages + 1
    grown = min(LONGEST_WAIT, EVERY * (1 << min(outages - 1, 10)))
    return replace(
        provider,
        outages=outages,
        last_error=message[:1000],
        reading=False,
        asked=False,
        due_at=now + max(grown, wait or EVERY),
    )
