"""Webhook endpoints: subscriptions of other services to notifications."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid
from chalicelib.domain.notice import Event

MOST = 20
"""The maximum number of endpoints of a stage: each receives every event that it subscribes to."""
MOST_FAILURES = 5
"""The number of consecutive undelivered notices that disables an endpoint."""
SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"
USUAL = tuple(event for event in Event if event not in (Event.TEST, Event.SKIPPED))
"""The events of an endpoint that names none. Skipped occurrences can be many, so they are opt-in.
"""
SLACK = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
HIDDEN = "…"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A subscription of a URL to events.

    The URL (Slack's, for example) and the secrets may be credentials, so all of them are stored
    encrypted; `address` is the visible part of the URL. The newest secret comes first.
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
    """Return random bytes as a secret in the format of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def is_slack(url: str) -> bool:
    """Return whether a URL is an incoming webhook of Slack, which accepts Slack messages only."""
    return urlsplit(url).hostname in SLACK


def address_of(url: str) -> str:
    """Return the visible part of a URL: without Slack's token, and without any query."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}"
    if is_slack(url):
        return f"{shown}/services/{HIDDEN}"
    return f"{shown}{parts.path}" + (f"?{HIDDEN}" if parts.query else "")


def checked_whole(url: str) -> str:
    """Return a URL; raise `Invalid` if it was copied from a place that hides a part of it."""
    if HIDDEN in url:
        raise Invalid("a part of this URL is hidden: write the complete URL", "url")
    return url


def events_of(names: Iterable[str]) -> tuple[Event, ...]:
    """Return the named events in their fixed order, or the default ones if none is named."""
    named = set(names)
    return tuple(event for event in Event if event in named) or USUAL


def taken(webhook: Webhook) -> Webhook:
    """Return an endpoint that accepted a delivery: the count of consecutive failures restarts."""
    return replace(webhook, failures=0)


def missed(webhook: Webhook, why: str, *, gone: bool) -> Webhook:
    """Return an endpoint after a delivery failed finally; one failure too many disables it."""
    failures = webhook.failures + 1
    if gone:
        reason = "it answered 410: it is gone, and accepts no more deliveries"
    else:
        reason = f"{failures} deliveries in a row failed; the last one: {why}"
    ends = gone or failures >= MOST_FAILURES
    return replace(
        webhook,
        failures=failures,
        enabled=webhook.enabled and not ends,
        disabled_reason=reason[:1000] if ends and webhook.enabled else webhook.disabled_reason,
    )
