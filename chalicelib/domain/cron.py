"""Reading a cron expression strictly: five fields, as cron(8) knows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from croniter import croniter

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import CRON

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"^(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?$", re.ASCII)


@dataclass(frozen=True)
class Cron:
    """A valid expression: in numbers, with what cannot be read off it any more."""

    expression: str
    every_hour: bool
    either_day: bool


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first: int = 0

    def number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise _wrong(f"{text!r} is not a {self.name} ({self.least} to {self.most})")
        return int(text)

    def check(self, text: str) -> str:
        return ",".join(self._item(item) for item in text.split(","))

    def _item(self, item: str) -> str:
        match = _ITEM.match(item)
        if not match:
            raise _wrong(f"{item!r} is not a {self.name}: write a number, a range or a step")
        star, low, high, step = match.groups()
        if step is not None and not 1 <= int(step) <= self.most:
            raise _wrong(f"the step in {item!r} must be 1 to {self.most}")
        suffix = f"/{int(step)}" if step else ""
        if star:
            return f"*{suffix}"
        start = self.number(low)
        if high is None:
            return f"{start}-{self.most}{suffix}" if step else str(start)
        end = 7 if high.lower() == "sun" and start else self.number(high)
        if end < start:
            raise _wrong(f"the range {item!r} of the {self.name} runs backwards")
        return f"{start}-{end}{suffix}"


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS, 1),
    _Field("day of week", 0, 7, DAYS),
)


@lru_cache(maxsize=4096)
def parse_cron(expression: str) -> Cron:
    """Return a five-field expression as it is computed with; raise `Invalid` with what is wrong."""
    fields = expression.split()
    if len(fields) != 5 or len(expression) > CRON:
        raise _wrong(
            f"a cron expression has five fields (minute hour day-of-month month day-of-week), "
            f"{expression[:64]!r} has {len(fields)}"
        )
    checked = [field.check(text) for field, text in zip(_FIELDS, fields, strict=True)]
    hour, day, weekday = fields[1], fields[2], fields[4]
    cron = Cron(
        expression=" ".join(checked),
        every_hour="*" in hour or "/" in hour,
        either_day=not (day.startswith("*") or weekday.startswith("*")),
    )
    _comes(cron, expression)
    return cron


def _comes(cron: Cron, expression: str) -> None:
    # A leap year's start of the Gregorian cycle: what does not come within 12 years never does.
    start = datetime(2023, 12, 31)  # noqa: DTZ001 - local time without a zone is meant
    try:
        croniter(
            cron.expression, start, day_or=cron.either_day, max_years_between_matches=12
        ).get_next(datetime)
    except (ValueError, KeyError):
        raise _wrong(f"{expression!r} names a date that never comes") from None


def _wrong(message: str) -> Invalid:
    return Invalid(message, "cronExpression")
