"""Fire times of schedules. No function reads the clock; the time is an argument.

The expression is evaluated on the wall clock of its zone, as naive local time, and mapped to UTC
here by the rule of cron(8). A schedule of fixed hours whose local time is skipped fires at the
first instant after the gap; one whose local time occurs twice fires at the first occurrence only. A
schedule with `*` or a step in its hour field follows elapsed time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from chalicelib.domain.ids import TriggerId
from chalicelib.domain.triggers.cron import Cron, parse_cron
from chalicelib.domain.triggers.time_zones import (
    find_change,
    find_next_change,
    parse_zone,
    utc_offset,
)

_MINUTE = timedelta(minutes=1)
_LONGEST_SHIFT = timedelta(hours=26)
"""More than the largest difference between two offsets of one zone: Samoa moved by 24 hours."""


@dataclass(frozen=True, kw_only=True)
class CronSchedule:
    """A cron expression on the wall clock of one time zone, optionally within bounds.

    It fires at a cron instant plus `jitter`, if that time is within the bounds, both included.
    """

    cron: str
    timezone: str = "UTC"
    jitter: timedelta = timedelta(0)
    start_at: datetime | None = None
    end_at: datetime | None = None


def next_after(schedule: CronSchedule, moment: datetime) -> datetime | None:
    """Return the first cron instant strictly after `moment`, in UTC, or None past the end."""
    return next(_iter_following(schedule, moment), None)


def iter_occurrences(
    schedule: CronSchedule, *, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield each cron instant in `(after, until]`, oldest first, in UTC."""
    return takewhile(lambda instant: instant <= until, _iter_following(schedule, after))


def _iter_following(schedule: CronSchedule, moment: datetime) -> Iterator[datetime]:
    """Yield the cron instants after `moment`, oldest first, each computed when it is needed."""
    after, end = _narrow(schedule, moment, None)
    instants = _iterate(parse_cron(schedule.cron), parse_zone(schedule.timezone), after)
    return takewhile(lambda instant: instant <= end, instants) if end else instants


def _narrow(
    schedule: CronSchedule, after: datetime, until: datetime | None
) -> tuple[datetime, datetime | None]:
    """Narrow `(after, until]` to the instants whose jittered time is within the bounds."""
    after = after.astimezone(UTC)
    if schedule.start_at:
        first = schedule.start_at.astimezone(UTC) - schedule.jitter
        after = max(after, first - timedelta(microseconds=1))
    if schedule.end_at:
        last = schedule.end_at.astimezone(UTC) - schedule.jitter
        until = min(until, last) if until else last
    return after, until


def _iterate(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    return _iter_elapsed(cron, zone, after) if cron.every_hour else _iter_fixed(cron, zone, after)


def preview_fires(schedule: CronSchedule, moment: datetime, count: int = 5) -> list[datetime]:
    """Return the next `count` fire times after `moment`, jitter included."""
    instants = _iter_following(schedule, moment - schedule.jitter)
    return [instant + schedule.jitter for instant in islice(instants, count)]


def count_occurrences(schedule: CronSchedule, *, after: datetime, until: datetime) -> int:
    """Return the number of cron instants in `(after, until]`, without listing them."""
    low, end = _narrow(schedule, after, until)
    high = end or until
    if low >= high:
        return 0
    cron, zone = parse_cron(schedule.cron), parse_zone(schedule.timezone)
    return (_count_elapsed if cron.every_hour else _count_fixed)(cron, zone, low, high)


def _count_elapsed(cron: Cron, zone: ZoneInfo, low: datetime, high: datetime) -> int:
    count, since = 0, low
    while True:
        offset = utc_offset(zone, since)
        change = find_next_change(zone, since, high)
        end = change - timedelta(microseconds=1) if change else high
        count += cron.count_between(_wall_clock(low, offset), _wall_clock(end, offset))
        if change is None:
            return count
        since, low = change, end


def _count_fixed(cron: Cron, zone: ZoneInfo, low: datetime, high: datetime) -> int:
    """Count on the wall clock; iterate only around a change, which skips or repeats hours."""
    count, since = 0, low - _LONGEST_SHIFT
    while True:
        offset = utc_offset(zone, since)
        change = find_next_change(zone, since, high)
        if change is None:
            return count + cron.count_between(_wall_clock(low, offset), _wall_clock(high, offset))
        shift = abs(utc_offset(zone, change) - offset) + timedelta(minutes=1)
        calm = change - shift
        if calm > low:
            count += cron.count_between(_wall_clock(low, offset), _wall_clock(calm, offset))
            low = calm
        for instant in _iter_fixed(cron, zone, low):
            if instant > min(change + shift, high):
                break
            count += 1
        since, low = change, max(low, min(change + shift, high))


def _wall_clock(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None)


def nth_newest(
    schedule: CronSchedule, *, after: datetime, until: datetime, number: int
) -> datetime | None:
    """Return the `number`-th newest cron instant in `(after, until]`, None if there are fewer."""
    if count_occurrences(schedule, after=after, until=until) < number:
        return None
    reach = timedelta(hours=1)
    while until - reach > after and (
        count_occurrences(schedule, after=until - reach, until=until) < number
    ):
        reach *= 2
    low, high = max(after, until - reach), until
    while high - low > _MINUTE:
        middle = low + (high - low) / 2
        enough = count_occurrences(schedule, after=middle, until=until) >= number
        low, high = (middle, high) if enough else (low, middle)
    newer = count_occurrences(schedule, after=low, until=until)
    return next(islice(_iter_following(schedule, low), newer - number, None), None)


def correct_instant(schedule: CronSchedule, stored: datetime, decided: datetime | None) -> datetime:
    """Return the cron instant of today's zone data that replaces `stored`.

    A new release of the data can move instants that were computed under an older one. Each is
    replaced by the nearest instant of today; no instant up to `decided` is repeated.
    """
    later = next_after(schedule, stored - timedelta(microseconds=1))
    if later == stored:
        return stored
    since = stored - _LONGEST_SHIFT
    since = max(since, decided) if decided else since
    earlier = nth_newest(schedule, after=since, until=stored, number=1)
    candidates = [instant for instant in (earlier, later) if instant]
    return min(candidates, key=lambda instant: abs(instant - stored), default=stored)


def jitter_of(trigger_id: TriggerId, seconds: int) -> timedelta:
    """Return a trigger's own offset: whole seconds from 0 to `seconds`, always the same."""
    digest = hashlib.sha256(trigger_id.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % (seconds + 1))


def _iter_fixed(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    # An earlier wall-clock time is an earlier instant, at least at its first occurrence.
    for moment in cron.iterate_after(after.astimezone(zone).replace(tzinfo=None)):
        instant = _to_utc(moment, zone)
        if instant > after:
            yield instant
            after = instant


def _to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Map a local time to UTC: at its first occurrence, or at the end of the gap that skips it."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    later = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return find_change(zone, min(instant, later) - timedelta(seconds=1), max(instant, later))


def _iter_elapsed(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    since, changed = after, None
    while True:
        # While the offset holds, local time is elapsed time; at a change, restart from there.
        offset = utc_offset(zone, since)
        for moment in cron.iterate_after((after + offset).replace(tzinfo=None)):
            instant = (moment - offset).replace(tzinfo=UTC)
            changed = find_next_change(zone, since, instant)
            if changed:
                break
            yield instant
            since = instant
        else:
            return
        since, after = changed, changed - timedelta(microseconds=1)
