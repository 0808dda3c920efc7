"""The end of a rate limit, read from a program's output: a moment, a clock time, or a wait."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_SIGNAL = r"(?:\bresets?|\bagain|\bretry|\bavailable|\buntil)"
_EPOCH = re.compile(r"(?:limit reached\||resets?_?at\W{0,3})(1[0-9]{9})(?:[0-9]{3})?\b", re.I)
_SECONDS = re.compile(r"resets?_?(?:in|after)_?seconds?\W{0,3}(\d{1,9})\b", re.I)
_ISO = re.compile(
    rf"{_SIGNAL}\D{{0,30}}(\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"(?:\s?(Z\b|[+-]\d\d:?\d\d)|\s?\(?(UTC|GMT)\b)?",
    re.I,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS_FROM_UTC = {"UTC": 0, "GMT": 0, "BST": 1, "CET": 1, "CEST": 2} | {
    f"{letter}{kind}T": hours + (kind == "D")
    for letter, hours in (("E", -5), ("C", -6), ("M", -7), ("P", -8))
    for kind in "SD"
}
_DATE = (
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b"
    rf"(?:,?\s+(?P<year>\d{{4}})\b)?"
    rf"|(?P<weekday>{'|'.join(_DAYS)})[a-z]*\b|(?P<tomorrow>tomorrow)\b)"
)
_TIME = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?::\d\d)?(?:\s*(?P<half>[ap])\.?m\b)?"
_ZONE = rf"(?:\((?P<zone>[a-z][\w/+-]*)\)|(?P<short>{'|'.join(_HOURS_FROM_UTC)})\b)"
_CLOCK = re.compile(
    rf"{_SIGNAL}\s+(?:at\s+|on\s+)?(?:{_DATE},?\s*(?:at\s+)?)?(?:{_TIME})?\s*(?:{_ZONE})?", re.I
)
_WAIT = re.compile(
    r"(?:retry(?:ing)?.?(?:after|delay|in)|again (?:in|after)|resets? (?:in|after)|wait(?: for)?)"
    r"\W{1,5}(?:about |under |less than |at least )?"
    r"((?:(?:\d+(?:\.\d+)?|\ban?\b)\s*[a-z]*[\s,]*(?:and\s+)?)+)",
    re.I,
)
_PART = re.compile(r"(\d+(?:\.\d+)?|\ban?\b)\s*([a-z]*)", re.I)
_UNIT = re.compile(r"(ms|milli|mo|s|m|h|d|w|$)", re.I)
_UNIT_SECONDS = {"": 1, "ms": 0.001, "milli": 0.001, "s": 1, "m": 60, "h": 3600} | {
    "d": 86400,
    "w": 7 * 86400,
    "mo": 30 * 86400,
}


def parse_reset_time(text: str, now: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return the end of the limit that `text` mentions, or None if it names none.

    A time without a zone is one of `zone`, the program's own; a date without a year is the
    nearest of its name.
    """
    readers = (_parse_epoch, _parse_seconds, _parse_iso, _parse_clock, _parse_wait)
    moments = (
        moment for read in readers for moment in _parse_matches(read, text, now.astimezone(zone))
    )
    return next((moment for moment in moments if moment > now), None)


def _parse_matches(
    read: Callable[[str, datetime], Iterator[datetime]], text: str, now: datetime
) -> Iterator[datetime]:
    try:
        yield from (moment.astimezone(UTC) for moment in read(text, now))
    except (ValueError, OverflowError, KeyError, OSError):
        return


def _parse_epoch(text: str, now: datetime) -> Iterator[datetime]:
    for match in _EPOCH.finditer(text):
        yield datetime.fromtimestamp(int(match.group(1)), UTC)


def _parse_seconds(text: str, now: datetime) -> Iterator[datetime]:
    for match in _SECONDS.finditer(text):
        yield now + timedelta(seconds=int(match.group(1)))


def _parse_iso(text: str, now: datetime) -> Iterator[datetime]:
    for match in _ISO.finditer(text):
        moment = datetime.fromisoformat(match.group(1) + (match.group(2) or "").upper())
        in_utc = match.group(3) is not None
        yield moment if moment.tzinfo else moment.replace(tzinfo=UTC if in_utc else now.tzinfo)


def _parse_clock(text: str, now: datetime) -> Iterator[datetime]:
    for match in _CLOCK.finditer(text):
        dated = match["month"] is not None
        if match["half"] or match["minute"] or (dated and match["hour"] is None):
            here = now.astimezone(_zone_of(match) or now.tzinfo)
            yield _resolve_clock(match, here)


def _zone_of(match: re.Match[str]) -> tzinfo | None:
    name = match["zone"] or match["short"]
    if name is None:
        return None
    hours = _HOURS_FROM_UTC.get(name.upper())
    return ZoneInfo(name) if hours is None else timezone(timedelta(hours=hours))


def _resolve_clock(match: re.Match[str], here: datetime) -> datetime:
    """Return the moment of a clock time, on its date or on the first day in the future."""
    hour, minute = _time_of(match)
    day = here.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if match["month"]:
        return _with_date(match, day, here)
    if match["tomorrow"]:
        return day + timedelta(days=1)
    if match["weekday"]:
        ahead = (_DAYS.index(match["weekday"].lower()) - here.weekday()) % 7
        day += timedelta(days=ahead)
        return day if _is_after(day, here) else day + timedelta(days=7)
    return day if _is_after(day, here) else day + timedelta(days=1)


def _time_of(match: re.Match[str]) -> tuple[int, int]:
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} is not an hour of a half day")
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    return hour, minute


def _with_date(match: re.Match[str], day: datetime, here: datetime) -> datetime:
    month, number = _MONTHS.index(match["month"].lower()) + 1, int(match["day"])
    if match["year"]:
        return day.replace(year=int(match["year"]), month=month, day=number)
    near = list(_of_years(range(here.year - 1, here.year + 2), day, month, number))
    return min(near, key=lambda moment: abs(_as_utc(moment) - _as_utc(here)))


def _of_years(years: range, day: datetime, month: int, number: int) -> Iterator[datetime]:
    for year in years:
        try:
            yield day.replace(year=year, month=month, day=number)
        except ValueError:  # the 29th of February of most years
            continue


def _is_after(moment: datetime, here: datetime) -> bool:
    return _as_utc(moment) > _as_utc(here)  # two times of one zone compare by their clocks alone


def _as_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _parse_wait(text: str, now: datetime) -> Iterator[datetime]:
    for match in _WAIT.finditer(text):
        parts = [_duration_of(many, unit) for many, unit in _PART.findall(match.group(1))]
        durations = [part for part in parts if part is not None]
        if durations:
            yield now.astimezone(UTC) + sum(durations, timedelta(0))


def _duration_of(many: str, unit: str) -> timedelta | None:
    match = _UNIT.match(unit)
    if match is None:
        return None
    number = 1.0 if many.lower() in ("a", "an") else float(many)
    return timedelta(seconds=number * _UNIT_SECONDS[match.group(1).lower()])
