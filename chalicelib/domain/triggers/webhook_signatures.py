"""Signature schemes of webhook senders: pure checks of a delivery against a shared secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TIMESTAMP_TOLERANCE = timedelta(minutes=5)
MIN_SECRET_LENGTH = 16


@dataclass(frozen=True, kw_only=True)
class InboundDelivery:
    """A received delivery: its headers by lower-case name, and its body as the sender signed it."""

    headers: Mapping[str, str]
    body: bytes

    def first_header(self, *names: str) -> str:
        """Return the first of these headers that is not empty, otherwise an empty string."""
        return next((self.headers[name] for name in names if self.headers.get(name)), "")

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case and without parameters."""
        return self.first_header("content-type").partition(";")[0].strip().lower()

    @property
    def body_digest(self) -> str:
        """The SHA-256 of the body in hex."""
        return hashlib.sha256(self.body).hexdigest()


SignatureCheck = Callable[[InboundDelivery, str, datetime], bool]
"""Returns whether a secret signed a delivery; if the signature covers a time, it must be recent."""


def is_equal(received: str, expected: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(
        received.encode("utf-8", "replace"), expected.encode("utf-8", "replace")
    )


def hmac_sha256(secret: str | bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of a message."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, message, hashlib.sha256).digest()


def is_within_tolerance(timestamp: str, now: datetime) -> bool:
    """Return whether a Unix timestamp is at most five minutes from now."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    return abs(now.timestamp() - int(timestamp)) <= TIMESTAMP_TOLERANCE.total_seconds()


def check_hex(*headers: str, prefix: str = "", prefix_optional: bool = False) -> SignatureCheck:
    """Return the check of a hex HMAC-SHA256 of the body in one of these headers."""

    def check(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
        signature = delivery.first_header(*headers).strip()
        if prefix and signature.startswith(prefix):
            signature = signature.removeprefix(prefix)
        elif prefix and not prefix_optional:
            return False
        return is_equal(signature.lower(), hmac_sha256(secret, delivery.body).hex())

    return check


def check_stripe(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check `Stripe-Signature: t=…,v1=…`."""
    parts = [
        part.strip().partition("=") for part in delivery.first_header("stripe-signature").split(",")
    ]
    sent = next((value for name, _, value in parts if name == "t"), "")
    expected = hmac_sha256(secret, f"{sent}.".encode() + delivery.body).hex()
    signatures = [value for name, _, value in parts if name == "v1"]
    matches = any(is_equal(value, expected) for value in signatures)
    return matches and is_within_tolerance(sent, now)


def check_slack(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check `X-Slack-Signature: v0=…` over the timestamp header and the body."""
    sent = delivery.first_header("x-slack-request-timestamp")
    expected = hmac_sha256(secret, f"v0:{sent}:".encode() + delivery.body).hex()
    matches = is_equal(delivery.first_header("x-slack-signature"), f"v0={expected}")
    return matches and is_within_tolerance(sent, now)


def check_pagerduty(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check `X-PagerDuty-Signature`, which lists several `v1=…` while its secret rotates."""
    expected = f"v1={hmac_sha256(secret, delivery.body).hex()}"
    signatures = delivery.first_header("x-pagerduty-signature").split(",")
    return any(is_equal(value.strip(), expected) for value in signatures)


def check_standard(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check the headers of Standard Webhooks, or those of Svix."""
    message_id = delivery.first_header("webhook-id", "svix-id")
    sent = delivery.first_header("webhook-timestamp", "svix-timestamp")
    if standard_key(secret) is None or not message_id:
        return False
    expected = standard_signature(secret, message_id, sent, delivery.body)
    signatures = delivery.first_header("webhook-signature", "svix-signature").split()
    matches = any(is_equal(value, expected) for value in signatures)
    return matches and is_within_tolerance(sent, now)


def standard_signature(secret: str, message_id: str, sent: str, body: bytes) -> str:
    """Return the Standard Webhooks signature over a message's id, timestamp and body."""
    mac = hmac_sha256(standard_key(secret) or b"", f"{message_id}.{sent}.".encode() + body)
    return f"v1,{base64.b64encode(mac).decode()}"


def standard_key(secret: str) -> bytes | None:
    """Return the key inside a Standard Webhooks secret, None if it is not valid base64."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None


def check_gitlab(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check `X-Gitlab-Token`, or the Standard Webhooks headers of a GitLab signing token."""
    if delivery.first_header("webhook-signature"):
        return check_standard(delivery, secret, now)
    return is_equal(delivery.first_header("x-gitlab-token"), secret)


def check_token(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check a bearer token, or the same in `X-Optio-Token`."""
    kind, _, bearer = delivery.first_header("authorization").partition(" ")
    received = (
        bearer.strip() if kind.lower() == "bearer" else delivery.first_header("x-optio-token")
    )
    return is_equal(received, secret)


def check_basic(delivery: InboundDelivery, secret: str, now: datetime) -> bool:
    """Check the password of HTTP Basic authentication; any user name is accepted."""
    kind, _, encoded = delivery.first_header("authorization").partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode() if encoded else ""
    except (binascii.Error, ValueError):
        return False
    return kind.lower() == "basic" and is_equal(pair.partition(":")[2], secret)
