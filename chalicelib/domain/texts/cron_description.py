"""English descriptions of cron expressions, derived from the values that they match.

An expression without a short, exact description is shown as it is, and so is stored text that is
not a cron expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.cron import Cron, parse_cron

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
MAX_LISTED_VALUES = 6
"""The maximum number of values or times of day that a description lists."""


class _TooLong(Exception):
    """Raised for values that no short phrase describes."""


def describe_cron(expression: str) -> str:
    """Return one sentence about when `expression` fires, or the expression itself; never raise."""
    try:
        return _describe(parse_cron(expression))
    except (Invalid, _TooLong):
        return " ".join(expression.split())


def _describe(cron: Cron) -> str:
    parts = [_describe_time(cron.minutes, cron.hours), *_describe_days(cron)]
    if len(cron.months) < len(_MONTHS):
        parts.append(_describe_months(cron.months))
    return ", ".join(parts)


def _describe_time(minutes: tuple[int, ...], hours: tuple[int, ...]) -> str:
    if len(minutes) * len(hours) <= MAX_LISTED_VALUES:
        return f"At {_join([f'{hour:02d}:{minute:02d}' for hour in hours for minute in minutes])}"
    phrase = _describe_minutes(minutes)
    return phrase + _describe_hours(hours, repeated=phrase.startswith("Every"))


def _describe_minutes(minutes: tuple[int, ...]) -> str:
    first, last, step = minutes[0], minutes[-1], _find_step(minutes)
    if minutes == (0,):
        return "On the hour"
    if step and first == 0 and last + step > 59:
        every = "Every minute" if step == 1 else f"Every {step} minutes"
        return every if 60 % step == 0 else f"{every}, counted from the full hour"
    if step and len(minutes) > 3:
        every = "Every minute" if step == 1 else f"Every {step} minutes"
        return f"{every} from minute {first} to {last}"
    return f"At {_count_of('minute', minutes)} {_list_values(minutes, str)}"


def _describe_hours(hours: tuple[int, ...], *, repeated: bool) -> str:
    first, last, step = hours[0], hours[-1], _find_step(hours)
    if len(hours) == 24:
        return "" if repeated else ", every hour"
    if step > 1 and first == 0 and last + step > 23 and not repeated:
        return f", every {step} hours" + ("" if 24 % step == 0 else ", counted from midnight")
    if step == 1 and len(hours) > 2:
        return f", in the hours {first:02d} to {last:02d}"
    if step and len(hours) > MAX_LISTED_VALUES:
        return f", in every {_ordinal_of(step)} hour from {first:02d} to {last:02d}"
    return f", in the {_count_of('hour', hours)} {_list_values(hours, lambda hour: f'{hour:02d}')}"


def _describe_days(cron: Cron) -> list[str]:
    if cron.every_day:
        return []
    days = _describe_days_of_month(cron.days) if len(cron.days) < 31 else ""
    weekdays = _describe_weekdays(cron.weekdays) if len(cron.weekdays) < 7 else ""
    if cron.either_day:
        return [f"{days} or {weekdays}, either counts"]
    if days and weekdays:
        return [days, f"and only {weekdays}"]
    return [days or weekdays]


def _describe_days_of_month(days: tuple[int, ...]) -> str:
    first, last, step = days[0], days[-1], _find_step(days)
    if step > 1 and first == 1 and last + step > 31:
        return f"every {_ordinal_of(step)} day counted from the 1st"
    if step == 1 and len(days) > 2:
        return f"on the {_ordinal_of(first)} to {_ordinal_of(last)} of the month"
    if step and len(days) > MAX_LISTED_VALUES:
        return (
            f"every {_ordinal_of(step)} day from the {_ordinal_of(first)} to the "
            f"{_ordinal_of(last)}"
        )
    return f"on the {_list_values(days, _ordinal_of)} of the month"


def _describe_weekdays(weekdays: tuple[int, ...]) -> str:
    from_monday = sorted((weekday - 1) % 7 for weekday in weekdays)
    if _find_step(from_monday) == 1 and len(weekdays) > 2:
        return f"{_DAYS[from_monday[0]]} to {_DAYS[from_monday[-1]]}"
    return f"on {_list_values(from_monday, lambda day: _DAYS[day])}"


def _describe_months(months: tuple[int, ...]) -> str:
    if _find_step(months) == 1 and len(months) > 2:
        return f"from {_MONTHS[months[0] - 1]} to {_MONTHS[months[-1] - 1]}"
    return f"in {_list_values(months, lambda month: _MONTHS[month - 1])}"


def _find_step(values: Sequence[int]) -> int:
    """Return the distance between neighbours where it is the same for all, otherwise 0."""
    steps = {high - low for low, high in pairwise(values)}
    return steps.pop() if len(steps) == 1 else 0


def _count_of(noun: str, values: Sequence[int]) -> str:
    return noun if len(values) == 1 else f"{noun}s"


def _list_values(values: Sequence[int], name: Callable[[int], str]) -> str:
    if len(values) > MAX_LISTED_VALUES:
        raise _TooLong
    return _join([name(value) for value in values])


def _join(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _ordinal_of(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"
