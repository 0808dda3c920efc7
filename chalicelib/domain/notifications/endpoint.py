"""Webhook endpoints: subscriptions of other services to notifications."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.domain.display_text import MAX_REASON_LENGTH
from chalicelib.domain.errors import Invalid
from chalicelib.domain.notifications.notification import Event

MAX_ENDPOINTS_PER_STAGE = 20
"""The maximum number of endpoints of a stage: each receives every event that it subscribes to."""
MAX_FAILURES = 5
"""The number of consecutive undelivered notices that disables an endpoint."""
SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"
DEFAULT_EVENTS = tuple(event for event in Event if event not in (Event.TEST, Event.SKIPPED))
"""The events of an endpoint that names none. Skipped occurrences can be many, so they are opt-in.
"""
SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
HIDDEN_PART = "…"


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
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

    def is_subscribed_to(self, event: Event) -> bool:
        return self.enabled and event in self.events


def format_secret(random: bytes) -> str:
    """Return random bytes as a secret in the format of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def is_slack_url(url: str) -> bool:
    """Return whether a URL is an incoming webhook of Slack, which accepts Slack messages only."""
    return urlsplit(url).hostname in SLACK_HOSTS


def visible_url(url: str) -> str:
    """Return the visible part of a URL: without Slack's token, and without any query."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}"
    if is_slack_url(url):
        return f"{shown}/services/{HIDDEN_PART}"
    return f"{shown}{parts.path}" + (f"?{HIDDEN_PART}" if parts.query else "")


def check_complete_url(url: str) -> str:
    """Return a URL; raise `Invalid` if it was copied from a place that hides a part of it."""
    if HIDDEN_PART in url:
        raise Invalid("a part of this URL is hidden: write the complete URL", "url")
    return url


def parse_events(names: Iterable[str]) -> tuple[Event, ...]:
    """Return the named events in their fixed order, or the default ones if none is named."""
    chosen = set(names)
    return tuple(event for event in Event if event in chosen) or DEFAULT_EVENTS


def mark_delivered(webhook: WebhookEndpoint) -> WebhookEndpoint:
    """Return an endpoint that accepted a delivery: the count of consecutive failures restarts."""
    return replace(webhook, failures=0)


def mark_undelivered(webhook: WebhookEndpoint, why: str, *, gone: bool) -> WebhookEndpoint:
    """Return an endpoint after a delivery failed finally; one failure too many disables it."""
    failures = webhook.failures + 1
    if gone:
        reason = "it answered 410: it is gone, and accepts no more deliveries"
    else:
        reason = f"{failures} deliveries in a row failed; the last one: {why}"
    ends = gone or failures >= MAX_FAILURES
    return replace(
        webhook,
        failures=failures,
        enabled=webhook.enabled and not ends,
        disabled_reason=reason[:MAX_REASON_LENGTH]
        if ends and webhook.enabled
        else webhook.disabled_reason,
    )
