"""When a rate limit ends, where a program's message tells: as a moment or as a wait."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = re.compile(r"(?:limit reached\||resets?_?at\W{0,3})(1[0-9]{9})\b", re.IGNORECASE)
_ISO = re.compile(
    r"(?:reset|retry|again|until)\D{0,30}(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"resets?\s+(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm)(?:\s*\(([\w/+-]+)\))?", re.IGNORECASE
)
_WAIT = re.compile(
    r"(?:retry.?(?:after|delay|in)|try again (?:in|after)|resets? (?:in|after)|wait)\W{1,5}"
    r"((?:\d+(?:\.\d+)?\s*[a-z]*[\s,]*)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def reset_of(text: str, now: datetime) -> datetime | None:
    """Return when the limit that `text` speaks of ends, or None where it does not say."""
    found = (moment for read in (_epoch, _iso, _clock, _wait) for moment in _read(read, text, now))
    return next((moment for moment in found if moment > now), None)


def _read(
    read: Callable[[str, datetime], Iterator[datetime]], text: str, now: datetime
) -> Iterator[datetime]:
    try:
        yield from read(text, now)
    except (ValueError, OverflowError, KeyError, OSError):
        return


def _epoch(text: str, now: datetime) -> Iterator[datetime]:
    for match in _EPOCH.finditer(text):
        yield datetime.fromtimestamp(int(match.group(1)), UTC)


def _iso(text: str, now: datetime) -> Iterator[datetime]:
    for match in _ISO.finditer(text):
        yield datetime.fromisoformat(match.group(1).replace("Z", "+00:00")).astimezone(UTC)


def _clock(text: str, now: datetime) -> Iterator[datetime]:
    for match in _CLOCK.finditer(text):
        hour = int(match.group(1)) % 12 + (12 if match.group(3).lower() == "pm" else 0)
        here = now.astimezone(ZoneInfo(match.group(4) or "UTC"))
        moment = here.replace(hour=hour, minute=int(match.group(2) or 0), second=0, microsecond=0)
        yield (moment if moment > here else moment + timedelta(days=1)).astimezone(UTC)


def _wait(text: str, now: datetime) -> Iterator[datetime]:
    for match in _WAIT.finditer(text):
        parts = [_span(float(many), unit) for many, unit in _PART.findall(match.group(1))]
        known = [part for part in parts if part is not None]
        if known:
            yield now + sum(known, timedelta(0))


def _span(many: float, unit: str) -> timedelta | None:
    unit = unit.lower()
    if unit in ("ms", "milliseconds"):
        return timedelta(milliseconds=many)
    seconds = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return timedelta(seconds=many * seconds[unit[:1]]) if unit[:1] in seconds else None
