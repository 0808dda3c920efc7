"""A strict parser of cron expressions with five fields, as in cron(8)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from croniter import croniter

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import MAX_CRON_LENGTH

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MAX_DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MAX_YEARS_BETWEEN = 40
"""Years to search for a match: 29 February on one weekday recurs every 28 years, or 40 across 2100.
"""
_ITEM = re.compile(r"^(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?$", re.ASCII)


@dataclass(frozen=True)
class Cron:
    """A valid expression: the values of its five fields, and the rules that its spelling selects.

    `expression` keeps the spelling, with names as numbers. Sunday is 0 in `weekdays`.
    """

    expression: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    every_hour: bool
    either_day: bool

    @property
    def every_day(self) -> bool:
        """Return whether the two day fields together match every day of the month."""
        full_days, full_weekdays = len(self.days) == 31, len(self.weekdays) == 7
        return (full_days or full_weekdays) if self.either_day else (full_days and full_weekdays)

    def count_between(self, low: datetime, high: datetime) -> int:
        """Return how many wall-clock times in `(low, high]` the expression matches."""
        if high <= low:
            return 0
        first, last = low.date(), high.date()
        whole_days = sum(
            self.names_day(date.fromordinal(day))
            for day in range(first.toordinal(), last.toordinal())
        )
        per_day = len(self.hours) * len(self.minutes)
        return whole_days * per_day + self._count_through(high) - self._count_through(low)

    def names_day(self, day: date) -> bool:
        """Return whether the expression matches times on this day."""
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week) if self.either_day else (of_month and of_week)

    def _count_through(self, local: datetime) -> int:
        """Return how many times of its day come up to and including `local`."""
        if not self.names_day(local.date()):
            return 0
        hours = bisect_left(self.hours, local.hour)
        minutes = bisect_right(self.minutes, local.minute) if local.hour in self.hours else 0
        return hours * len(self.minutes) + minutes

    def iterate_after(self, local: datetime) -> Iterator[datetime]:
        """Yield the wall-clock times that the expression matches, strictly after `local`."""
        ticks = croniter(
            _write_numbers(self),
            local,
            day_or=self.either_day,
            max_years_between_matches=MAX_YEARS_BETWEEN,
        )
        while True:
            try:
                yield ticks.get_next(datetime)
            except (ValueError, OverflowError):
                return


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first: int = 0

    def parse_number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise _invalid_expression(
                f"{text!r} is not a {self.name} ({self.least} to {self.most})"
            )
        return int(text)

    def parse_items(self, text: str) -> list[_Item]:
        return [self._parse_item(item) for item in text.split(",")]

    def _parse_item(self, text: str) -> _Item:
        match = _ITEM.match(text)
        if not match:
            raise _invalid_expression(
                f"{text!r} is not a {self.name}: write a number, a range or a step"
            )
        star, low, high, step = match.groups()
        if step is not None and not 1 <= int(step) <= self.most:
            raise _invalid_expression(f"the step in {text!r} must be 1 to {self.most}")
        suffix, stride = (f"/{int(step)}", int(step)) if step else ("", 1)
        if star:
            return _Item(f"*{suffix}", range(self.least, self.most + 1, stride))
        start = self.parse_number(low)
        if high is None:
            end = self.most if step else start
        else:
            end = 7 if high.lower() == "sun" and start else self.parse_number(high)
        if end < start:
            raise _invalid_expression(f"the range {text!r} of the {self.name} runs backwards")
        spelling = str(start) if high is None and not step else f"{start}-{end}{suffix}"
        return _Item(spelling, range(start, end + 1, stride))


@dataclass(frozen=True)
class _Item:
    spelling: str
    values: range


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS, 1),
    _Field("day of week", 0, 7, DAYS),
)


@lru_cache(maxsize=4096)
def parse_cron(expression: str) -> Cron:
    """Return a five-field expression, parsed; raise `Invalid` naming the fault."""
    fields = expression.split()
    if len(fields) != 5 or len(expression) > MAX_CRON_LENGTH:
        raise _invalid_expression(
            f"a cron expression has five fields (minute, hour, day of month, month, day of week), "
            f"{expression[:64]!r} has {len(fields)}"
        )
    read = [field.parse_items(text) for field, text in zip(_FIELDS, fields, strict=True)]
    minutes, hours, days, months, weekdays = (_collect_values(items) for items in read)
    hour, day, weekday = fields[1], fields[2], fields[4]
    cron = Cron(
        expression=" ".join(",".join(item.spelling for item in items) for items in read),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({number % 7 for number in weekdays})),
        every_hour="*" in hour or "/" in hour,
        either_day=not (day.startswith("*") or weekday.startswith("*")),
    )
    if not cron.either_day and min(days) > max(MAX_DAYS_OF_MONTHS[month - 1] for month in months):
        raise _invalid_expression(f"{expression!r} names a date that never comes")
    return cron


def _collect_values(items: list[_Item]) -> tuple[int, ...]:
    return tuple(sorted({number for item in items for number in item.values}))


@lru_cache(maxsize=4096)
def _write_numbers(cron: Cron) -> str:
    """Return the expression for croniter, as `*` or plain numbers, which it cannot misread.

    croniter reads a range of one value, such as 5-5, as the whole field. It also reads a day field
    that names every day as unrestricted, so both become `*` where either of them is enough.
    """
    fields = zip((cron.minutes, cron.hours, cron.months), (60, 24, 12), strict=True)
    minute, hour, month = (_write_list(values, size) for values, size in fields)
    if cron.every_day:
        return f"{minute} {hour} * {month} *"
    return f"{minute} {hour} {_write_list(cron.days, 31)} {month} {_write_list(cron.weekdays, 7)}"


def _write_list(values: tuple[int, ...], size: int) -> str:
    return "*" if len(values) == size else ",".join(map(str, values))


def _invalid_expression(message: str) -> Invalid:
    return Invalid(message, "cronExpression")
