"""Waits that a server requests in the headers of a response."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_RETRY_DELAY = timedelta(hours=6)
"""The longest `Retry-After` that is honoured, so that nothing waits indefinitely."""
MAX_RATE_LIMIT_DELAY = timedelta(hours=1)
_RESETS = ("x-ratelimit-reset", "x-ratelimit-requests-reset")


def parse_retry_after(text: str, now: datetime | None) -> timedelta | None:
    """Return the wait of a `Retry-After` header: seconds, or until a date (RFC 9110, 10.2.3).

    None if the header is invalid, or if it is a date and the server's time `now` is unknown.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    until = _parse_date(text)
    return max(timedelta(0), until - now) if until and now else None


def retry_delay(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait of a response's `Retry-After`, at most `MAX_RETRY_DELAY`, or None.

    A date is measured from the `Date` header of the same response.
    """
    lowered = _lowercase_names(headers)
    wait = parse_retry_after(lowered.get("retry-after", ""), _parse_date(lowered.get("date", "")))
    return wait if wait is None else min(MAX_RETRY_DELAY, wait)


def rate_limit_delay(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """Return the remaining time of a rate limit by its headers, or None if they do not state one.

    `Retry-After` wins. A reset is 1 second to 1 hour ahead of `now`, or of the `Date` header
    without `now`. GitHub states the reset in seconds, Linear in milliseconds.
    """
    requested_delay = retry_delay(headers)
    if requested_delay is not None:
        return requested_delay
    lowered = _lowercase_names(headers)
    reset_texts = (lowered.get(name, "") for name in _RESETS)
    reset = next((text for text in reset_texts if text.isdecimal() and len(text) < 15), None)
    clock = now or _parse_date(lowered.get("date", ""))
    if reset is None or clock is None:
        return None
    ends = datetime.fromtimestamp(int(reset) / (1000 if len(reset) > 11 else 1), UTC)
    return min(MAX_RATE_LIMIT_DELAY, max(timedelta(seconds=1), ends - clock))


def _lowercase_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower(): str(value).strip() for name, value in headers.items()}


def _parse_date(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):  # a zone offset may exceed a day
        parsed = parsedate_to_datetime(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return None
