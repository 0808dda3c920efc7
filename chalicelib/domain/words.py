"""A cron expression in words, under our own rule for days: restricted both, either counts."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.cron import parse_cron

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
MOST_TIMES = 6


def cron_words(expression: str) -> str:
    """Return what an expression means, as one sentence; raise `Invalid` where it is none."""
    cron = parse_cron(expression)
    minute, hour, day, month, weekday = cron.expression.split()
    parts = [_time(minute, hour)]
    days, weekdays = _days(day), _weekdays(weekday)
    if cron.either_day:
        parts.append(f"{days} or {weekdays}, either counts")
    else:
        parts += [part for part in (days, weekdays) if part]
    if month != "*":
        parts.append(f"in {_listed(month, lambda n: _MONTHS[n - 1], 'month')}")
    return ", ".join(parts)


def _time(minute: str, hour: str) -> str:
    if minute.replace(",", "").isdecimal() and hour.replace(",", "").isdecimal():
        times = [f"{int(h):02d}:{int(m):02d}" for h in hour.split(",") for m in minute.split(",")]
        if len(times) <= MOST_TIMES:
            return f"At {_and(times)}"
    if minute == "*":
        said = "Every minute"
    elif minute.startswith("*/"):
        said = f"Every {minute[2:]} minutes, counted from the full hour"
        if 60 % int(minute[2:]) == 0:
            said = "Every minute" if minute == "*/1" else f"Every {minute[2:]} minutes"
    elif minute == "0":
        said = "On the hour"
    else:
        said = f"At minute {_listed(minute, str, 'minute')}"
    return said + _hours(hour, every=minute == "0" or not minute.startswith("*"))


def _hours(hour: str, *, every: bool) -> str:
    if hour == "*":
        return ", every hour" if every else ""
    if hour.startswith("*/"):
        return f", every {hour[2:]} hours" if hour != "*/1" else ", every hour"
    return f", in the hours {_listed(hour, lambda n: f'{n:02d}', 'hour')}"


def _days(day: str) -> str:
    if day == "*":
        return ""
    if day.startswith("*/"):
        return f"every {_ordinal(int(day[2:]))} day counted from the 1st"
    return f"on the {_listed(day, _ordinal, 'day')} of the month"


def _weekdays(weekday: str) -> str:
    if weekday == "*":
        return ""
    if weekday == "1-5":
        return "Monday to Friday"
    if weekday.startswith("*/"):
        return f"every {_ordinal(int(weekday[2:]))} weekday counted from Sunday"
    return f"on {_listed(weekday, lambda n: _DAYS[n], 'weekday')}"


def _listed(text: str, name: Callable[[int], str], unit: str) -> str:
    return _and([_item(item, name, unit) for item in text.split(",")])


def _item(item: str, name: Callable[[int], str], unit: str) -> str:
    body, _, step = item.partition("/")
    if body == "*":
        return f"every {_ordinal(int(step))} {unit}" if step else f"every {unit}"
    low, _, high = body.partition("-")
    said = f"{name(int(low))} to {name(int(high))}" if high else name(int(low))
    return f"every {_ordinal(int(step))} {unit} from {said}" if step else said


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"
