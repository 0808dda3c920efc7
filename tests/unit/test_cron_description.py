"""Cron descriptions: plain where people look, true everywhere, and never an error."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.texts.cron_description import describe_cron
from chalicelib.domain.triggers.cron import Cron, parse_cron
from tests.support.cron_expressions import random_expression

USUAL = [
    ("* * * * *", "Every minute"),
    ("*/15 * * * *", "Every 15 minutes"),
    ("*/7 * * * *", "Every 7 minutes, counted from the full hour"),
    ("0 * * * *", "On the hour, every hour"),
    ("5 */2 * * *", "At minute 5, every 2 hours"),
    ("5 */5 * * *", "At 00:05, 05:05, 10:05, 15:05 and 20:05"),
    ("5,6 */5 * * *", "At minutes 5 and 6, every 5 hours, counted from midnight"),
    ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
    ("0,30 9,17 * * *", "At 09:00, 09:30, 17:00 and 17:30"),
    ("0 0 1 * *", "At 00:00, on the 1st of the month"),
    ("0 0 1,15 * mon", "At 00:00, on the 1st and 15th of the month or on Monday, either counts"),
    ("0 3 * jan,jul 0", "At 03:00, on Sunday, in January and July"),
    ("0 3 * apr-oct *", "At 03:00, from April to October"),
    ("0-30/10 * * * *", "Every 10 minutes from minute 0 to 30"),
    ("* 9-17 * * *", "Every minute, in the hours 09 to 17"),
    ("0 9 */2 * *", "At 09:00, every 2nd day counted from the 1st"),
    ("0 9 */2 * mon", "At 09:00, every 2nd day counted from the 1st, and only on Monday"),
    ("0 9 11,12,22 * *", "At 09:00, on the 11th, 12th and 22nd of the month"),
    ("0 0 * * 0-7", "At 00:00"),
    ("*,5 * * * *", "Every minute"),
    ("0 */6,13 * * *", "At 00:00, 06:00, 12:00, 13:00 and 18:00"),
    ("*/15 */2 * * *", "Every 15 minutes, in every 2nd hour from 00 to 22"),
    ("0 9 * * fri-sun", "At 09:00, Friday to Sunday"),
    ("0 9 */31,1-7 * mon", "At 09:00, on the 1st to 7th of the month, and only on Monday"),
    ("47-47 15,21 */6 11 *", "At 15:47 and 21:47, every 6th day counted from the 1st, in November"),
    ("*/15,*/20 * * * *", "At minutes 0, 15, 20, 30, 40 and 45, every hour"),
    ("*/7,*/8 * * * *", "*/7,*/8 * * * *"),
]


@pytest.mark.parametrize("expression, words", USUAL)
def test_usual_expressions_read_as_people_say_them(expression: str, words: str):
    assert describe_cron(expression) == words


@pytest.mark.parametrize("stored", ["", "61 * * * *", "@daily", "0 0 * *  1#2", "\x00", "é " * 300])
def test_stored_text_that_is_not_an_expression_is_shown_as_it_is(stored: str):
    assert describe_cron(stored) == " ".join(stored.split())


@given(st.text() | st.lists(st.sampled_from([*"0159*/,-# L", "mon", "7"])).map("".join))
def test_a_description_never_raises(text: str):
    assert isinstance(describe_cron(text), str)


DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _numbers(text: str, names: Sequence[str] = (), first: int = 0) -> set[int]:
    words = re.split(r", | and ", text)
    if names:
        return {names.index(word) + first for word in words}
    return {int(re.sub(r"(st|nd|rd|th)$", "", word)) for word in words}


def _read_time(sentence: str) -> tuple[str, set[tuple[int, int]]]:
    """Return the rest of a description and the (hour, minute) pairs that its beginning names."""
    times = re.match(r"At (\d\d:\d\d(?:(?:, | and )\d\d:\d\d)*)", sentence)
    if times:
        clocks = re.findall(r"(\d\d):(\d\d)", times[1])
        return sentence[times.end() :], {(int(hour), int(minute)) for hour, minute in clocks}
    minutes, hours = set(range(60)), set(range(24))
    listed = re.match(r"At minutes? (\d+(?:(?:, | and )\d+)*)", sentence)
    every = re.match(
        r"Every (?:minute|(\d+) minutes)(, counted from the full hour)?"
        r"(?: from minute (\d+) to (\d+))?",
        sentence,
    )
    hour = re.match(r"On the hour", sentence)
    found = listed or every or hour
    assert found, sentence
    if listed:
        minutes = _numbers(listed[1])
    elif hour:
        minutes = {0}
    elif every:
        low, high = int(every[3] or 0), int(every[4] or 59)
        step = int(every[1] or 1)
        assert every[3] or every[2] or 60 % step == 0, "not every so many minutes of a day"
        minutes = set(range(low, high + 1, step))
    sentence = sentence[found.end() :]
    span = re.match(r", in the hours (\d\d) to (\d\d)", sentence)
    nth = re.match(r", in every (\d+)\w\w hour from (\d\d) to (\d\d)", sentence)
    steps = re.match(r", every (\d+) hours(, counted from midnight)?", sentence)
    named = re.match(r", in the hours? (\d\d(?:(?:, | and )\d\d)*)", sentence)
    all_hours = re.match(r", every hour", sentence)
    if span:
        hours = set(range(int(span[1]), int(span[2]) + 1))
    elif nth:
        hours = set(range(int(nth[2]), int(nth[3]) + 1, int(nth[1])))
    elif steps:
        assert steps[2] or 24 % int(steps[1]) == 0
        hours = set(range(0, 24, int(steps[1])))
    elif named:
        hours = _numbers(named[1])
    of_hours = span or nth or steps or named or all_hours
    sentence = sentence[of_hours.end() if of_hours else 0 :]
    return sentence, {(hour, minute) for hour in hours for minute in minutes}


NAMED_DAY = rf"(?:{'|'.join(DAYS)})"
NAMED_MONTH = rf"(?:{'|'.join(MONTHS)})"
NTH = r"\d+(?:st|nd|rd|th)"
OF_MONTH = (
    rf"on the (?P<first>{NTH}) to (?P<last>{NTH}) of the month"
    rf"|on the (?P<days>{NTH}(?:(?:, | and ){NTH})*) of the month"
    r"|every (?P<step>\d+)\w\w day (?:counted from the 1st|from the (?P<low>\d+)\w\w to the "
    r"(?P<high>\d+)\w\w)"
)
OF_WEEK = (
    rf"on (?P<weekdays>{NAMED_DAY}(?:(?:, | and ){NAMED_DAY})*)"
    rf"|(?P<begin>{NAMED_DAY}) to (?P<end>{NAMED_DAY})"
)
REST = re.compile(
    rf"^(?:, (?:(?:{OF_MONTH})(?P<either> or )?(?P<both>, and only )?)?(?:{OF_WEEK})?"
    r"(?P<counts>, either counts)?)??"
    rf"(?:, (?:in (?P<months>{NAMED_MONTH}(?:(?:, | and ){NAMED_MONTH})*)"
    rf"|from (?P<since>{NAMED_MONTH}) to (?P<until>{NAMED_MONTH})))?$"
)


def _read_days(found: re.Match[str]) -> set[int] | None:
    if found["first"]:
        (low,), (high,) = _numbers(found["first"]), _numbers(found["last"])
        return set(range(low, high + 1))
    if found["days"]:
        return _numbers(found["days"])
    if found["step"]:
        low, high = int(found["low"] or 1), int(found["high"] or 31)
        return set(range(low, high + 1, int(found["step"])))
    return None


def _read_weekdays(found: re.Match[str]) -> set[int] | None:
    if found["weekdays"]:
        return _numbers(found["weekdays"], DAYS)
    if found["begin"]:
        low, high = DAYS.index(found["begin"]), DAYS.index(found["end"])
        return {number % 7 for number in range(low, high + 1 if high >= low else high + 8)}
    return None


def _says(cron: Cron, sentence: str) -> bool:
    """Read a description back, and compare its content with the computed times."""
    rest, times = _read_time(sentence)
    found = REST.match(rest)
    assert found, f"{rest!r} of {sentence!r}"
    days, weekdays = _read_days(found), _read_weekdays(found)
    months = set(range(1, 13))
    if found["months"]:
        months = _numbers(found["months"], MONTHS, 1)
    elif found["since"]:
        months = set(range(MONTHS.index(found["since"]) + 1, MONTHS.index(found["until"]) + 2))
    assert bool(found["either"]) == bool(found["counts"])

    def described(day: int, weekday: int) -> bool:
        if found["either"]:
            return day in (days or ()) or weekday in (weekdays or ())
        return (days is None or day in days) and (weekdays is None or weekday in weekdays)

    def computed(day: int, weekday: int) -> bool:
        of_month, of_week = day in cron.days, weekday in cron.weekdays
        return (of_month or of_week) if cron.either_day else (of_month and of_week)

    calendar = [(day, weekday) for day in range(1, 32) for weekday in range(7)]
    return (
        times == {(hour, minute) for hour in cron.hours for minute in cron.minutes}
        and months == set(cron.months)
        and all(described(*day) == computed(*day) for day in calendar)
    )


@pytest.mark.parametrize("expression, words", USUAL[:-1])
def test_the_reader_understands_what_is_usual(expression: str, words: str):
    assert _says(parse_cron(expression), words)


def test_a_description_says_exactly_what_fires_or_is_the_expression():
    seed = random.SystemRandom().getrandbits(48)
    sys.stdout.write(f"seed={seed}\n")
    rng = random.Random(seed)
    described = 0
    for _ in range(4000):
        expression = random_expression(rng)
        try:
            cron = parse_cron(expression)
        except Invalid:
            continue
        sentence = describe_cron(expression)
        if sentence != expression:
            described += 1
            assert _says(cron, sentence), f"{expression!r}: {sentence!r} (seed {seed})"
    assert described > 500
