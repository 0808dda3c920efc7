"""When a schedule fires. Nothing here reads the clock: the moment is an argument.

The expression is read on the wall clock of its zone, as naive local time, and mapped to UTC here
under the rule of cron(8): a schedule of fixed hours whose local time is skipped fires at the first
instant after the gap, and one whose local time comes twice fires at its first coming only; one
with `*` or a step in its hour field follows elapsed time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from chalicelib.domain.cron import Cron, parse_cron
from chalicelib.domain.errors import Invalid


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A cron expression on the wall clock of one time zone, perhaps within bounds."""

    cron: str
    timezone: str = "UTC"
    jitter: timedelta = timedelta(0)
    start_at: datetime | None = None
    end_at: datetime | None = None


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone called `name`; raise `Invalid` where there is none."""
    try:
        if not name or name.startswith((".", "/")) or name != name.strip():
            raise ValueError(name)
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Invalid(
            f"{name!r} is not an IANA time zone such as 'Europe/Berlin' or 'UTC'", "timezone"
        ) from None


def next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the first cron instant strictly after `moment`, in UTC, or None past the end."""
    return next(_following(schedule, moment), None)


def occurrences(
    schedule: Schedule, *, after: datetime, until: datetime, limit: int = 100_000
) -> Iterator[datetime]:
    """Yield each cron instant in `(after, until]`, oldest first, in UTC, at most `limit`."""
    found = takewhile(lambda moment: moment <= until, _following(schedule, after))
    return islice(found, limit)


def _following(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield the cron instants after `moment`, one found from the other: long pauses have many."""
    after = moment.astimezone(UTC)
    if schedule.start_at:
        after = max(after, schedule.start_at.astimezone(UTC) - timedelta(microseconds=1))
    cron, zone = parse_cron(schedule.cron), parse_zone(schedule.timezone)
    found = _elapsed(cron, zone, after) if cron.every_hour else _fixed(cron, zone, after)
    end = schedule.end_at
    return takewhile(lambda instant: instant <= end, found) if end else found


def preview(schedule: Schedule, moment: datetime, count: int = 5) -> list[datetime]:
    """Return the next `count` moments at which `schedule` fires, its jitter included."""
    return [found + schedule.jitter for found in islice(_following(schedule, moment), count)]


def jitter_of(trigger_id: str, seconds: int) -> timedelta:
    """Return a trigger's own offset: whole seconds from 0 to `seconds`, always the same."""
    digest = hashlib.sha256(trigger_id.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % (seconds + 1))


def _fixed(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    # What the clock showed before it showed this came before this, for the first time at least.
    for moment in cron.iterate_after(after.astimezone(zone).replace(tzinfo=None)):
        instant = _first_coming(moment, zone)
        if instant > after:
            yield instant
            after = instant


def _first_coming(local: datetime, zone: ZoneInfo) -> datetime:
    """Map a local time to UTC: at its first coming, or at the end of the gap that skips it."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    later = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, min(instant, later) - timedelta(seconds=1), max(instant, later))


def _elapsed(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    since, changed = after, None
    while True:
        # As long as the offset holds, local time is elapsed time; at a change, begin there anew.
        offset = _offset(zone, since)
        for moment in cron.iterate_after((after + offset).replace(tzinfo=None)):
            instant = (moment - offset).replace(tzinfo=UTC)
            changed = _next_change(zone, since, instant)
            if changed:
                break
            yield instant
            since = instant
        else:
            return
        since, after = changed, changed - timedelta(microseconds=1)


def _next_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """Return the first change of the zone's offset in `(after, until]`, if there is one."""
    step, low = timedelta(days=1), after
    while low < until:
        high = min(low + step, until)
        if _offset(zone, low) != _offset(zone, high):
            return _change(zone, low, high)
        low = high
    return None


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the whole second in `(low, high]` from which the offset of `low` no longer holds."""
    before = _offset(zone, low)
    low = low.replace(microsecond=0)
    high = high.replace(microsecond=0) + timedelta(seconds=1 if high.microsecond else 0)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
