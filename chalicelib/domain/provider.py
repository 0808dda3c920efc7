"""A provider: one place where tickets live, and how far we have read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.address import checked_url
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.listing import Listing

MOST_FAILURES = 5
UNENDED = "the last sync was cut off; the next one goes on where that one stood"
EVERY = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=10)
"""The longest distance between syncs of a tracker that is away, unless it asks for more."""
OVERLAP = timedelta(minutes=2)
"""How far behind its cursor a sync begins: clocks differ, and trackers show changes late."""

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
"""Which tickets these are: a cursor belongs to them, and to no others."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where tickets come from. Its credential is not here: the vault keeps it under `secret_key`.

    `cursor` is the newest change that is surely settled; `etag` belongs to the request that
    begins at it. `changes` is what is being read of what came after it, and `look` the first look
    of new triggers, both for as many syncs as it takes. `due_at` is the next sync, and a lease
    while one works, which is `reading` then; who asks for one meanwhile is noted in `asked`.
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
        """The number of syncs in a row that failed, those included that can disable nothing."""
        return self.failures + self.outages

    @property
    def comments(self) -> bool:
        """Whether its tickets hear of their runs."""
        return self.config.get("comments", "on") == "on"

    @property
    def finishes(self) -> bool:
        """Whether a ticket whose run is completed gets a state or a label."""
        return "doneState" in self.config or "doneLabel" in self.config

    @property
    def listings(self) -> tuple[Listing | None, Listing | None]:
        """What it is in the midst of."""
        return self.changes, self.look

    @property
    def progress(self) -> Listing | None:
        """What takes it longer than one sync."""
        return self.look or self.changes

    @property
    def on_its_way(self) -> bool:
        """Whether there is something new to tell of it within seconds."""
        unread = self.progress is not None or self.last_synced_at is None
        return self.enabled and unread and not self.failed_syncs

    @property
    def leased_until(self) -> datetime | None:
        """The end of the lease of the sync that works, if one does."""
        return self.due_at if self.reading else None

    @property
    def since(self) -> datetime | None:
        """The moment from which on changes are asked for."""
        return self.cursor - OVERLAP if self.cursor else None


def fields_of(source: str) -> tuple[str, ...]:
    """Return what the config of a provider may hold, what it needs first."""
    return (*_NEEDED[source], *_ALLOWED[source], *ANSWERS)


def secret_key(provider_id: str) -> str:
    """Return where the vault keeps the credential of a provider."""
    return f"providers/{provider_id}"


def check_config(source: str, config: dict[str, str], allowed: Iterable[str]) -> None:
    """Raise `Invalid` with every field of a provider's config that is missing or unknown."""
    needed, known = _NEEDED[source], fields_of(source)
    faults = [
        Fault(f"config.{name}", f"a {source} provider needs it")
        for name in needed
        if not config.get(name, "").strip()
    ]
    faults += [
        Fault(f"config.{name}", f"is not a field of a {source} provider")
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
    """Raise `Invalid` where an edit would make another place of a provider."""
    message = "this is another place, with tickets of its own: make another provider for it"
    moved = [name for name in _PLACE if config.get(name) != was.config.get(name)]
    if moved:
        raise Invalid.of(Fault(f"config.{name}", message) for name in moved)


def _wrong_answers(source: str, config: dict[str, str]) -> list[Fault]:
    faults = []
    if config.get("comments", "on") not in ("on", "off"):
        faults.append(Fault("config.comments", "write on or off"))
    if source == "github" and config.get("doneState", "closed") != "closed":
        faults.append(Fault("config.doneState", "an issue of GitHub can only be closed"))
    if source == "notion":
        pairs = {"doneState": "statusProperty", "doneLabel": "labelsProperty"}
        faults += [
            Fault(f"config.{needed}", f"{name} needs to know which property it is")
            for name, needed in pairs.items()
            if name in config and needed not in config
        ]
    return faults


def edited(new: Provider, was: Provider, now: datetime) -> Provider:
    """Return a provider as somebody edited it.

    What it is in the midst of begins anew where its tickets look otherwise from now on.
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
    """Return a provider that is in the midst of nothing; its cursor stays."""
    return replace(provider, changes=None, look=None)


def begun(provider: Provider, until: datetime) -> Provider:
    """Return a provider whose sync begins, with a lease; of one that never ended it is said."""
    said = UNENDED if provider.reading else provider.last_error
    return replace(provider, due_at=until, reading=True, asked=False, last_error=said)


def read(provider: Provider, now: datetime) -> Provider:
    """Return a provider whose sync came to its end, or used up its time: then it goes on at once.

    What its tracker began anew has to come to its end before its failures are forgotten.
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
    """Return a provider whose tracker asks to be left alone; nobody hastens it before."""
    return replace(
        provider,
        due_at=until,
        rests_until=until,
        last_error=message,
        reading=False,
        asked=False,
    )


def hastened(provider: Provider, now: datetime) -> Provider:
    """Return a provider that is due now; where a sync works it is due again when that ends."""
    if provider.leased_until and provider.leased_until > now:
        return replace(provider, asked=True)
    return replace(provider, due_at=_soonest(provider, now))


def _soonest(provider: Provider, now: datetime) -> datetime:
    return max(now, provider.rests_until or now)


def failed(
    provider: Provider, message: str, now: datetime, wait: timedelta | None = None
) -> Provider:
    """Return a provider whose sync failed once more; after five in a row it is disabled.

    What it has read stays noted, so that nothing is lost that comes before it is enabled again.
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
    """Return a provider whose sync met a failure that passes: it waits longer after each.

    Such failures never disable it, and are not counted among those that do.
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
