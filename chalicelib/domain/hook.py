"""Webhooks as their senders send them: whom to believe, and what a delivery is called.

Each preset follows its sender's own description:
GitHub docs "Validating webhook deliveries"; GitLab docs "Webhooks"; Sentry docs "Integration
platform: webhooks"; Linear docs "Webhooks"; Atlassian "Webhooks: secure"; Stripe docs "Check the
webhook signatures"; Slack docs "Verifying requests from Slack"; PagerDuty docs "Verifying
webhook signatures"; the Standard Webhooks specification; Notion docs "Webhooks".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
DIGEST_SEEN_FOR = timedelta(minutes=5)
"""How long a body without a delivery id is remembered; an id is, for as long as its firing is."""
SHORTEST_SECRET = 16


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a sender posted: its headers by their lower-case names, and the very bytes."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, *names: str) -> str:
        """Return the first of these headers that is there."""
        return next((self.headers[name] for name in names if self.headers.get(name)), "")

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


Check = Callable[[Delivery, str, datetime], bool]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What we know of a sender. Paths lead through the parsed body, dot by dot."""

    signed: Check
    id_headers: tuple[str, ...] = ()
    id_path: str = ""
    event_headers: tuple[str, ...] = ()
    event_paths: tuple[str, ...] = ()
    action_path: str = ""
    sent_path: str = ""
    forms: bool = False


def believed(preset: Preset, delivery: Delivery, secrets: Sequence[str], now: datetime) -> bool:
    """Whether one of the secrets signed this delivery, lately where the sender says when."""
    return any(preset.signed(delivery, secret, now) for secret in secrets)


def fresh(preset: Preset, payload: object, now: datetime) -> bool:
    """Whether a sender that says in its signed body when it sent did so lately."""
    if not preset.sent_path:
        return True
    sent = at_path(payload, preset.sent_path)
    if isinstance(sent, bool) or not isinstance(sent, int | float):
        return True
    # In whole numbers: a stranger's may be larger than any float.
    return abs(round(now.timestamp() * 1000) - sent) <= TOLERANCE // timedelta(milliseconds=1)


def delivery_id(preset: Preset, delivery: Delivery, payload: object) -> str:
    """Return what the sender calls this delivery, or nothing where it has no name for it."""
    named = delivery.header(*preset.id_headers)
    found = at_path(payload, preset.id_path) if preset.id_path and not named else named
    return str(found) if isinstance(found, str | int) and str(found).strip() else ""


def event_names(preset: Preset, delivery: Delivery, payload: object) -> frozenset[str]:
    """Return what the event is called, with and without its action, in lower case."""
    named = [delivery.header(*preset.event_headers)] if preset.event_headers else []
    named += [
        found for path in preset.event_paths if isinstance(found := at_path(payload, path), str)
    ]
    names = {name.casefold() for name in named if name}
    action = at_path(payload, preset.action_path) if preset.action_path else None
    if isinstance(action, str):
        names |= {f"{name}.{action.casefold()}" for name in names}
    return frozenset(names)


def wanted(events: Sequence[str], names: Collection[str]) -> bool:
    """Whether a list of events names this one; `issues.*` means every action of it."""
    if not events:
        return True
    for event in (event.strip().casefold() for event in events):
        if event in names:
            return True
        if event.endswith(".*") and any(f"{name}.".startswith(event[:-1]) for name in names):
            return True
    return False


def at_path(payload: object, path: str) -> object:
    """Return what lies at a dotted path of objects, None where there is nothing."""
    found = payload
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def _mac(secret: str | bytes, message: bytes) -> bytes:
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, message, hashlib.sha256).digest()


def _lately(text: str, now: datetime) -> bool:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return False
    return abs(now.timestamp() - int(text)) <= TOLERANCE.total_seconds()


def _hex(header: str, prefix: str = "", *, bare: bool = False) -> Check:
    """Return the check of a hex HMAC-SHA256 of the body; `bare` allows it without its prefix."""

    def check(delivery: Delivery, secret: str, now: datetime) -> bool:
        given = delivery.header(header).strip()
        if prefix and given.startswith(prefix):
            given = given.removeprefix(prefix)
        elif prefix and not bare:
            return False
        return _same(given.lower(), _mac(secret, delivery.body).hex())

    return check


def _stripe(delivery: Delivery, secret: str, now: datetime) -> bool:
    parts = [part.strip().partition("=") for part in delivery.header("stripe-signature").split(",")]
    sent = next((value for name, _, value in parts if name == "t"), "")
    right = _mac(secret, f"{sent}.".encode() + delivery.body).hex()
    given = [value for name, _, value in parts if name == "v1"]
    return any(_same(value, right) for value in given) and _lately(sent, now)


def _slack(delivery: Delivery, secret: str, now: datetime) -> bool:
    sent = delivery.header("x-slack-request-timestamp")
    right = _mac(secret, f"v0:{sent}:".encode() + delivery.body).hex()
    return _same(delivery.header("x-slack-signature"), f"v0={right}") and _lately(sent, now)


def _pagerduty(delivery: Delivery, secret: str, now: datetime) -> bool:
    right = f"v1={_mac(secret, delivery.body).hex()}"
    given = delivery.header("x-pagerduty-signature").split(",")
    return any(_same(value.strip(), right) for value in given)


def _standard(delivery: Delivery, secret: str, now: datetime) -> bool:
    name = delivery.header("webhook-id", "svix-id")
    sent = delivery.header("webhook-timestamp", "svix-timestamp")
    if standard_key(secret) is None or not name:
        return False
    right = standard_signature(secret, name, sent, delivery.body)
    given = delivery.header("webhook-signature", "svix-signature").split()
    return any(_same(value, right) for value in given) and _lately(sent, now)


def standard_signature(secret: str, name: str, sent: str, body: bytes) -> str:
    """Return the signature of Standard Webhooks over a message's id, moment and very bytes."""
    mac = _mac(standard_key(secret) or b"", f"{name}.{sent}.".encode() + body)
    return f"v1,{base64.b64encode(mac).decode()}"


def standard_key(secret: str) -> bytes | None:
    """Return the key that a Standard Webhooks secret stands for; None where it is none."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _gitlab(delivery: Delivery, secret: str, now: datetime) -> bool:
    if delivery.header("webhook-signature"):
        return _standard(delivery, secret, now)
    return _same(delivery.header("x-gitlab-token"), secret)


def _token(delivery: Delivery, secret: str, now: datetime) -> bool:
    kind, _, bearer = delivery.header("authorization").partition(" ")
    given = bearer.strip() if kind.lower() == "bearer" else delivery.header("x-optio-token")
    return _same(given, secret)


OWN_ID = ("x-optio-delivery", "idempotency-key")
PRESETS: dict[str, Preset] = {
    "optio": Preset(
        signed=_hex("x-optio-signature", "sha256=", bare=True),
        id_headers=OWN_ID,
        event_headers=("x-optio-event",),
    ),
    "github": Preset(
        signed=_hex("x-hub-signature-256", "sha256="),
        id_headers=("x-github-delivery",),
        event_headers=("x-github-event",),
        action_path="action",
    ),
    "gitlab": Preset(
        signed=_gitlab,
        id_headers=("idempotency-key", "webhook-id", "x-gitlab-event-uuid"),
        event_headers=("x-gitlab-event",),
        event_paths=("object_kind",),
        action_path="object_attributes.action",
    ),
    "sentry": Preset(
        signed=_hex("sentry-hook-signature"),
        id_headers=("request-id",),
        event_headers=("sentry-hook-resource",),
        action_path="action",
    ),
    "linear": Preset(
        signed=_hex("linear-signature"),
        id_headers=("linear-delivery",),
        event_headers=("linear-event",),
        event_paths=("type",),
        action_path="action",
        sent_path="webhookTimestamp",
    ),
    "jira": Preset(
        signed=_hex("x-hub-signature", "sha256="),
        id_headers=("x-atlassian-webhook-identifier", "x-request-uuid"),
        event_headers=("x-event-key",),
        event_paths=("webhookEvent",),
    ),
    "stripe": Preset(signed=_stripe, id_path="id", event_paths=("type",)),
    "slack": Preset(
        signed=_slack, id_path="event_id", event_paths=("event.type", "type"), forms=True
    ),
    "pagerduty": Preset(signed=_pagerduty, id_path="event.id", event_paths=("event.event_type",)),
    "standard-webhooks": Preset(
        signed=_standard, id_headers=("webhook-id", "svix-id"), event_paths=("type",)
    ),
    "notion": Preset(
        signed=_hex("x-notion-signature", "sha256="), id_path="id", event_paths=("type",)
    ),
    "token": Preset(signed=_token, id_headers=OWN_ID, event_headers=("x-optio-event",)),
}


def handshake(preset: str, payload: object) -> dict[str, str] | None:
    """Return the answer that a sender expects when it tries an address out, if it does so."""
    if preset == "slack" and at_path(payload, "type") == "url_verification":
        return {"challenge": str(at_path(payload, "challenge") or "")}
    return None
