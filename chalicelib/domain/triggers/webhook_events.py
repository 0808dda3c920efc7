"""Identifies deliveries: their id, event names and age, and requests that only test the address."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from chalicelib.domain.triggers.webhook_senders import Sender
from chalicelib.domain.triggers.webhook_signatures import TIMESTAMP_TOLERANCE, InboundDelivery

DIGEST_CLAIM_LIFETIME = timedelta(minutes=5)
"""The time for which a body without a delivery id counts as the same delivery."""


def get_path(payload: object, path: str) -> object:
    """Return the value at a dotted path of objects, None if it does not exist."""
    value = payload
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def is_within_age(sender: Sender, payload: object, now: datetime) -> bool:
    """Return whether the time in a signed body is within the limits; True if it has none."""
    if not sender.sent_path:
        return True
    sent = get_path(payload, sender.sent_path)
    age = _age_in_milliseconds(sent, now)
    if age is None:
        return True
    oldest, earliest = (
        span // timedelta(milliseconds=1) for span in (sender.max_age, TIMESTAMP_TOLERANCE)
    )
    return -earliest <= age <= oldest


def _age_in_milliseconds(sent: object, now: datetime) -> int | float | None:
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        # Computed with integers, because untrusted ones may exceed any float.
        return round(now.timestamp() * 1000) - sent
    if isinstance(sent, str):
        try:
            moment = datetime.fromisoformat(sent)
            return (now - moment) // timedelta(milliseconds=1)
        except (TypeError, ValueError, OverflowError):
            return None
    return None


def delivery_id(sender: Sender, delivery: InboundDelivery, payload: object) -> str:
    """Return the id of a delivery at its sender, or an empty string if it has none."""
    if sender.named_by_bytes:
        return delivery.body_digest
    header_id = delivery.first_header(*sender.id_headers).strip()
    if not header_id:
        return _id_in_body(sender, payload)
    if sender.ids_span_events and delivery.first_header(sender.id_headers[0]).strip() != header_id:
        names = ",".join(sorted(event_names(sender, delivery, payload)))
        return f"{header_id}#{hashlib.sha256(names.encode() + delivery.body).hexdigest()[:16]}"
    return header_id


def _id_in_body(sender: Sender, payload: object) -> str:
    """Return the id in the body. Source and id together identify a CloudEvent."""
    values = [get_path(payload, path) for path in sender.id_paths]
    texts = [
        str(value).strip()
        for value in values
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    ]
    if sender.is_cloud_event:
        return "#".join(texts) if len(texts) == len(sender.id_paths) else ""
    return texts[0] if texts else ""


def event_names(sender: Sender, delivery: InboundDelivery, payload: object) -> frozenset[str]:
    """Return the event's names in lower case, with and without its action."""
    raw_names = [delivery.first_header(*sender.event_headers)] if sender.event_headers else []
    raw_names += [
        value for path in sender.event_paths if isinstance(value := get_path(payload, path), str)
    ]
    names = {name.casefold() for name in raw_names if name}
    action = get_path(payload, sender.action_path) if sender.action_path else None
    if isinstance(action, str):
        names |= {f"{name}.{action.casefold()}" for name in names}
    return frozenset(names)


def matches_event(patterns: Sequence[str], names: Collection[str]) -> bool:
    """Return whether a list of patterns matches an event; an empty list matches all events.

    `*` matches any characters, and `issues.*` also matches `issues` itself.
    """
    if not patterns:
        return True
    normal_patterns = [pattern.strip().casefold() for pattern in patterns]
    return any(
        _matches(pattern, name) or (pattern.endswith(".*") and _matches(pattern[:-2], name))
        for pattern in normal_patterns
        for name in names
    ) or (not names and "*" in normal_patterns)


def _matches(pattern: str, name: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first):
        return False
    start = len(first)
    for part in rest[:-1]:
        position = name.find(part, start)
        if position < 0:
            return False
        start = position + len(part)
    return len(name) - start >= len(rest[-1]) and name.endswith(rest[-1])


def is_ping(
    sender: Sender, patterns: Sequence[str], names: Collection[str], payload: object
) -> bool:
    """Return whether a delivery only tests the address, and no pattern asks for it by name."""
    if any(get_path(payload, field) for field in sender.ping_fields):
        return True
    normal_patterns = {pattern.strip().casefold() for pattern in patterns}
    return bool(set(sender.pings) & set(names)) and not normal_patterns & set(names)


def answer_challenge(sender: Sender, payload: object, *, signed: bool) -> dict[str, str] | None:
    """Return the response to a request that tests an address, None if the payload is not one."""
    challenge = sender.challenge
    if challenge is None or (challenge.signed and not signed):
        return None
    if get_path(payload, challenge.path) != challenge.value:
        return None
    return {challenge.answer: str(get_path(payload, challenge.echo) or "")}
