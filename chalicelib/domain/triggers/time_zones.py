"""IANA time zones from the data that ships with the package.

`zoneinfo` prefers the machine's own files, which differ from machine to machine and may be years
old. Every zone is therefore built from the pinned `tzdata` package, and in this module only.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

from chalicelib.domain.errors import Invalid

DATA_VERSION: str = tzdata.IANA_VERSION
"""The release of the IANA data, such as 2026f."""
_DIRECTORY = Path(tzdata.__file__).parent
INVALID_TIME_MESSAGE = "write the time as 2026-11-24T09:00:00Z"
FIRST_YEAR, LAST_YEAR = 1970, 9998
_NOT_A_ZONE = "Factory"
"""The zone in the data that marks a machine without a configured zone."""


@lru_cache(maxsize=1)
def available_zones() -> frozenset[str]:
    """Return the names that a schedule may use."""
    names = (_DIRECTORY / "zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {_NOT_A_ZONE}


@lru_cache(maxsize=1024)
def parse_zone(name: str) -> ZoneInfo:
    """Return the time zone called `name`; raise `Invalid` if the data does not contain it."""
    if name not in available_zones():
        raise Invalid(
            f"{name!r} is not an IANA time zone such as 'Europe/Berlin' or 'UTC'", "timezone"
        )
    with _DIRECTORY.joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def check_offset(moment: datetime, field: str = "") -> datetime:
    """Return a time with an offset from UTC; raise `Invalid` for one without."""
    if moment.tzinfo is None:
        raise Invalid("write the time with its offset or Z", field)
    return moment


def check_year(moment: datetime) -> datetime:
    """Return a time that all zones can represent, in 1970 to 9998, or raise `Invalid`."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Invalid(f"write a time in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def utc_offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    """Return how far the clock of `zone` is ahead of UTC at `moment`."""
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def find_next_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """Return the first change of the zone's offset in `(after, until]`, or None."""
    step, low = timedelta(days=1), after
    offset = utc_offset(zone, low)
    while low < until:
        high = min(low + step, until)
        if utc_offset(zone, high) != offset:
            return find_change(zone, low, high)
        low = high
    return None


def find_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the whole second in `(low, high]` at which the offset of `low` ends."""
    before = utc_offset(zone, low)
    low = low.replace(microsecond=0)
    high = high.replace(microsecond=0) + timedelta(seconds=1 if high.microsecond else 0)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if utc_offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high
