"""A webhook: where others are told of what happens here, and of what."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid
from chalicelib.domain.notice import Event

MOST = 20
"""How many a stage has: each is told of everything that it wants."""
MOST_FAILURES = 5
"""After how many deliveries in a row that nobody took a webhook is disabled."""
SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"
USUAL = tuple(event for event in Event if event not in (Event.TEST, Event.SKIPPED))
"""What is told where nothing is named. Skipped occurrences may be many, so they are asked for."""
SLACK = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
HIDDEN = "…"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Who is told of which events.

    Its URL may hold a credential (Slack's does) and its secrets do, so all of them are sealed; what
    may be seen of the URL is `address`. The newest secret is the first one.
    """

    id: str
    url: str
    address: str
    secrets: tuple[str, ...]
    events: tuple[Event, ...]
    created_at: datetime
    updated_at: datetime
    description: str = ""
    enabled: bool = True
    slack: bool = False
    version: int = 1
    failures: int = 0
    disabled_reason: str | None = None

    def wants(self, event: Event) -> bool:
        return self.enabled and event in self.events


def secret_of(random: bytes) -> str:
    """Return random bytes as Standard Webhooks writes a secret."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def is_slack(url: str) -> bool:
    """Whether a URL is one of Slack's incoming webhooks, which takes Slack's messages only."""
    return urlsplit(url).hostname in SLACK


def address_of(url: str) -> str:
    """Return what may be seen of a URL: not Slack's token, and nobody's query."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}"
    if is_slack(url):
        return f"{shown}/services/{HIDDEN}"
    return f"{shown}{parts.path}" + (f"?{HIDDEN}" if parts.query else "")


def checked_whole(url: str) -> str:
    """Return a URL; raise `Invalid` for one that was copied from where a part of it is hidden."""
    if HIDDEN in url:
        raise Invalid("a part of this URL is hidden: write the whole of it", "url")
    return url


def events_of(names: Iterable[str]) -> tuple[Event, ...]:
    """Return the events that are named, in their order; the usual ones where none is."""
    named = set(names)
    return tuple(event for event in Event if event in named) or USUAL


def taken(webhook: Webhook) -> Webhook:
    """Return a webhook that took a delivery: the row of failures begins anew."""
    return replace(webhook, failures=0)


def missed(webhook: Webhook, why: str, *, gone: bool) -> Webhook:
    """Return a webhook that did not take a delivery for good; one too many disables it."""
    failures = webhook.failures + 1
    if gone:
        reason = "it answered 410: it is gone, and wants nothing more"
    else:
        reason = f"{failures} deliveries in a row were not taken; the last one: {why}"
    ends = gone or failures >= MOST_FAILURES
    return replace(
        webhook,
        failures=failures,
        enabled=webhook.enabled and not ends,
        disabled_reason=reason[:1000] if ends and webhook.enabled else webhook.disabled_reason,
    )
