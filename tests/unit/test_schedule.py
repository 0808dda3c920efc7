"""Fire times of schedules: strict parsing, daylight saving, bounds, and the vectors of others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.cron import Cron, parse_cron
from chalicelib.domain.triggers.schedule import (
    CronSchedule,
    correct_instant,
    count_occurrences,
    iter_occurrences,
    jitter_of,
    next_after,
    nth_newest,
    preview_fires,
)
from chalicelib.domain.triggers.time_zones import parse_zone
from tests.support.shared import shared


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def firings(cron: str, zone: str, after: str, until: str) -> list[str]:
    schedule = CronSchedule(cron=cron, timezone=zone)
    found = iter_occurrences(schedule, after=utc(after), until=utc(until))
    return [f"{moment:%Y-%m-%dT%H:%MZ}" for moment in found]


DECIDED = {
    "aliases are not five fields": ("@hourly", "@daily", "@weekly", "@monthly"),
    "a day field that starts with * is unrestricted, so both day fields must hold": (
        "* * */10 * Sun",
        "0 0 */5 Apr,Aug,Oct Mon",
        "0 0 */2 * 1-5",
        "0 16 */2 * sat",
    ),
    "a fixed hour that is skipped fires at the end of the gap": (
        "30 2 11 Mar *",
        "0 2 * * *",
        "30 1 * * *",
        "30 1,2 * * *",
        "0 12 * * *",
        "30 2 * * 7",
    ),
    "a fixed hour that comes twice fires at its first coming": (
        "30 1 04 Nov *",
        "0 1 * * *",
        "* 1-6 * * *",
    ),
    "a range of one is that one value": ("0 0 * * Sun-Sun", "0 0 * * 0-0"),
    "a step longer than its field is a mistake": ("1 1 */100,1-7 * MON",),
    "a backward range is a mistake": (
        "0 0 1 Apr-Feb *",
        "0 0 * * 7-mon",
        "0 0 * * 7-tue",
        "0 0 * * 7-wed",
        "0 0 * * 7-thu",
        "0 0 * * 7-sat",
        "0 0 * * Thu-Tue/2",
        "0 0 * * thu-tue/2",
        "0 0 * * Thu-Tue/3",
        "0 0 * * thu-tue/3",
        "0 0 * * mon-0",
        "0 0 * * tue-0",
        "0 0 * * wed-0",
        "0 0 * * sat-0",
    ),
}
"""Where we differ from a published vector on purpose, and why; see docs/reference/schedules.md."""


def _expected(row: dict[str, object]) -> bool:
    schedule = CronSchedule(cron=str(row["expr"]), timezone=str(row["tz"]))
    moment = utc(str(row["start"]))
    for text in row["expected"]:  # type: ignore[attr-defined]
        found = next_after(schedule, moment)
        if found != utc(text):
            return False
        moment = found
    return True


def _holds(row: dict[str, object]) -> bool:
    try:
        return _expected(row)
    except Invalid:
        return False


def test_the_published_vectors_agree_but_for_what_was_decided():
    rows = json.loads(shared("cron", "vectors.json").read_text())

    differing = {row["expr"] for row in rows["vectors"] if not _holds(row)}

    assert differing == {expression for group in DECIDED.values() for expression in group}


def test_what_others_refuse_is_refused():
    rows = json.loads(shared("cron", "vectors.json").read_text())
    for row in rows["invalid"]:
        with pytest.raises(Invalid):
            parse_cron(row["expr"])


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("", id="empty"),
        pytest.param("* * * *", id="four fields"),
        pytest.param("0 * * * * *", id="six fields"),
        pytest.param("@reboot", id="alias"),
        pytest.param("0 0 L * *", id="last day"),
        pytest.param("0 0 * * 1#2", id="second monday"),
        pytest.param("R * * * *", id="random"),
        pytest.param("H * * * *", id="hashed"),
        pytest.param("0 22-3 * * *", id="backward range"),
        pytest.param("60 * * * *", id="out of range"),
        pytest.param("*/0 * * * *", id="step of nothing"),
        pytest.param("0 0 30 2 *", id="never comes"),
        pytest.param("0 0 31 4,6 *", id="never comes in two months"),
        pytest.param("0 0 * * *" + " " * 300, id="endless"),
    ],
)
def test_what_is_no_cron_expression_is_refused_by_its_field(expression: str):
    with pytest.raises(Invalid) as caught:
        parse_cron(expression)

    assert caught.value.faults[0].field == "cronExpression"


@pytest.mark.parametrize(
    "cron, zone, after, until, expected",
    [
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            "2026-03-30T12:00Z",
            ["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
            id="a skipped fixed hour fires at the end of the gap",
        ),
        pytest.param(
            "0,30 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            "2026-03-29T12:00Z",
            ["2026-03-29T01:00Z", "2026-03-29T01:30Z"],
            id="what falls together fires once",
        ),
        pytest.param(
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00Z",
            "2026-11-02T12:00Z",
            ["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
            id="a fixed hour that comes twice fires once",
        ),
        pytest.param(
            "30 * * * *",
            "America/New_York",
            "2026-11-01T04:45Z",
            "2026-11-01T07:45Z",
            ["2026-11-01T05:30Z", "2026-11-01T06:30Z", "2026-11-01T07:30Z"],
            id="every hour is every elapsed hour in autumn",
        ),
        pytest.param(
            "0 */2 * * *",
            "Europe/Berlin",
            "2026-03-28T23:30Z",
            "2026-03-29T04:30Z",
            ["2026-03-29T02:00Z", "2026-03-29T04:00Z"],
            id="a step never fires for a gap",
        ),
        pytest.param(
            "45 * * * *",
            "Australia/Lord_Howe",
            "2026-04-04T13:30Z",
            "2026-04-04T17:00Z",
            ["2026-04-04T13:45Z", "2026-04-04T14:45Z", "2026-04-04T15:15Z", "2026-04-04T16:15Z"],
            id="half an hour comes twice on Lord Howe",
        ),
    ],
)
def test_daylight_saving_follows_cron_8(
    cron: str, zone: str, after: str, until: str, expected: list[str]
):
    assert firings(cron, zone, after, until) == expected


def test_bounds_are_inclusive_and_a_schedule_may_be_over():
    schedule = CronSchedule(
        cron="0 9 * * *", start_at=utc("2026-05-04T09:00Z"), end_at=utc("2026-05-05T09:00Z")
    )

    assert preview_fires(schedule, utc("2026-01-01T00:00Z")) == [
        utc("2026-05-04T09:00Z"),
        utc("2026-05-05T09:00Z"),
    ]
    assert next_after(schedule, utc("2026-05-05T09:00Z")) is None


def test_bounds_hold_for_the_moment_at_which_it_fires():
    jittered = CronSchedule(
        cron="0 9 * * *",
        jitter=timedelta(minutes=5),
        start_at=utc("2026-05-04T09:05Z"),
        end_at=utc("2026-05-06T09:04Z"),
    )

    assert preview_fires(jittered, utc("2026-01-01T00:00Z")) == [
        utc("2026-05-04T09:05Z"),
        utc("2026-05-05T09:05Z"),
    ]
    assert preview_fires(jittered, utc("2026-05-05T09:02Z")) == [utc("2026-05-05T09:05Z")]
    assert preview_fires(jittered, utc("2026-05-05T09:05Z")) == []
    exact = replace(jittered, end_at=utc("2026-05-06T09:05Z"))
    assert preview_fires(exact, utc("2026-05-05T09:05Z")) == [utc("2026-05-06T09:05Z")]
    late = replace(jittered, start_at=utc("2026-05-04T09:06Z"))
    assert preview_fires(late, utc("2026-01-01T00:00Z")) == [utc("2026-05-05T09:05Z")]


def test_jitter_shows_in_the_preview_and_stays_out_of_the_arithmetic():
    offset = jitter_of("trigger", 300)
    schedule = CronSchedule(cron="0 9 * * *", jitter=offset)

    assert timedelta(0) <= offset <= timedelta(seconds=300)
    assert preview_fires(schedule, utc("2026-05-04T00:00Z"), 1) == [
        utc("2026-05-04T09:00Z") + offset
    ]
    assert next_after(schedule, utc("2026-05-04T09:00Z")) == utc("2026-05-05T09:00Z")


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Africa/Casablanca",
    "Antarctica/Troll",
]
CHANGES = ["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24"]


@st.composite
def _expressions(draw: st.DrawFn) -> str:
    minute = draw(st.sampled_from(["*", "0", "*/20", "15,45", "30", "59"]))
    hour = draw(st.sampled_from(["*", "*/3", "1", "2", "0-3", "1,2", "23"]))
    day = draw(st.sampled_from(["*", "*/2", "1-7", "29"]))
    weekday = draw(st.sampled_from(["*", "sun", "1-5", "*/2"]))
    return f"{minute} {hour} {day} * {weekday}"


def _values(field: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for item in field.replace("sun", "0").split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        first, last = (least, most) if span == "*" else (int(low), int(high or low))
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _oracle(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> set[datetime]:
    """Walk minute by minute: by elapsed time, or over the wall clock where hours are fixed."""
    minute, hour, day, _, weekday = expression.split()
    minutes, hours = _values(minute, 0, 59), _values(hour, 0, 23)
    days, weekdays = _values(day, 1, 31), _values(weekday, 0, 6)
    either = not (day.startswith("*") or weekday.startswith("*"))

    def named(local: datetime) -> bool:
        of_month, of_week = local.day in days, local.isoweekday() % 7 in weekdays
        on_day = (of_month or of_week) if either else (of_month and of_week)
        return local.minute in minutes and local.hour in hours and on_day

    found: set[datetime] = set()
    seen: set[datetime] = set()
    moment = after - timedelta(days=1)
    previous = moment.astimezone(zone).replace(tzinfo=None)
    while moment <= until:
        local = moment.astimezone(zone).replace(tzinfo=None)
        if "*" in hour or "/" in hour:
            if named(local):
                found.add(moment)
        else:
            skipped = previous + timedelta(minutes=1)
            while skipped < local:
                if named(skipped):
                    found.add(moment)
                skipped += timedelta(minutes=1)
            if named(local) and local not in seen:
                found.add(moment)
            seen.add(local)
        previous = max(previous, local) if "*" not in hour else local
        moment += timedelta(minutes=1)
    return {moment for moment in found if after < moment <= until}


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    _expressions(),
    st.sampled_from(ZONES),
    st.one_of(
        st.sampled_from(CHANGES),
        st.dates(date(1990, 1, 1), date(2037, 12, 1)).map(date.isoformat),
    ),
)
def test_every_minute_of_any_three_days_agrees_with_a_walk_minute_by_minute(
    expression: str, zone: str, day: str
):
    after = utc(f"{day}T00:00Z")
    until = after + timedelta(days=3)
    schedule = CronSchedule(cron=expression, timezone=zone)

    found = set(iter_occurrences(schedule, after=after, until=until))

    assert found == _oracle(expression, parse_zone(zone), after, until)


@pytest.mark.parametrize(
    "cron",
    [
        pytest.param("*/5 9-17 * * 1-5", id="fixed hours"),
        pytest.param("*/10 * * * *", id="elapsed time"),
    ],
)
def test_a_long_pause_costs_one_look_for_each_of_its_occurrences(
    monkeypatch: pytest.MonkeyPatch, cron: str
):
    looks = 0
    real = Cron.iterate_after

    def counted(*given: Any) -> Iterator[datetime]:
        nonlocal looks
        for moment in real(*given):
            looks += 1
            yield moment

    monkeypatch.setattr(Cron, "iterate_after", counted)
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    paused = CronSchedule(cron=cron, timezone="America/New_York")

    found = list(iter_occurrences(paused, after=begun, until=begun + timedelta(days=30)))

    assert len(found) > 2000
    assert looks <= len(found) + 3


COUNTED = ("* * * * *", "*/7 */2 * * *", "0-59 0-23 * * *", "30 1,2 * * *", "0 0 29 2 *")


@settings(max_examples=150, deadline=None)
@given(
    _expressions() | st.sampled_from(COUNTED),
    st.sampled_from(ZONES),
    st.one_of(
        st.sampled_from(CHANGES),
        st.dates(date(1990, 1, 1), date(2037, 12, 1)).map(date.isoformat),
    ),
    st.integers(0, 2 * 24 * 3600),
    st.integers(0, 3 * 24 * 3600),
)
def test_a_count_is_the_length_of_the_list(
    expression: str, zone: str, day: str, ahead: int, length: int
):
    after = utc(f"{day}T00:00Z") + timedelta(seconds=ahead)
    until = after + timedelta(seconds=length)
    schedule = CronSchedule(cron=expression, timezone=zone)

    found = list(iter_occurrences(schedule, after=after, until=until))

    assert count_occurrences(schedule, after=after, until=until) == len(found)
    for number in (1, 2, len(found)):
        newest = nth_newest(schedule, after=after, until=until, number=max(1, number))
        assert newest == (found[-max(1, number)] if len(found) >= max(1, number) else None)


@pytest.mark.parametrize("cron", ["* * * * *", "0-59 0-23 * * *"])
def test_years_of_a_minutely_schedule_are_counted_at_once(cron: str):
    schedule = CronSchedule(cron=cron, timezone="America/New_York")
    after, until = utc("2020-01-01T05:00Z"), utc("2026-01-01T05:00Z")
    begun = time.process_time()

    count = count_occurrences(schedule, after=after, until=until)
    newest = nth_newest(schedule, after=after, until=until, number=100)

    assert time.process_time() - begun < 1
    minutes = round((until - after) / timedelta(minutes=1))
    # Fixed hours skip the hour that comes a second time, six autumns in all.
    assert count == minutes - (0 if cron.startswith("*") else 6 * 60)
    assert newest == until - timedelta(minutes=99)


@pytest.mark.parametrize(
    "cron, stored, decided, corrected",
    [
        pytest.param("0 9 * * *", "2026-05-05T08:00Z", None, "2026-05-05T07:00Z", id="late"),
        pytest.param("0 9 * * *", "2026-05-05T06:00Z", None, "2026-05-05T07:00Z", id="early"),
        pytest.param("0 9 * * *", "2026-05-05T07:00Z", None, "2026-05-05T07:00Z", id="right"),
        pytest.param(
            "0 9 * * *",
            "2026-05-05T08:00Z",
            "2026-05-05T07:00Z",
            "2026-05-06T07:00Z",
            id="nothing that was decided comes again",
        ),
        pytest.param("0 * * * *", "2026-05-05T08:00Z", None, "2026-05-05T08:00Z", id="hourly"),
    ],
)
def test_a_stored_time_is_corrected_to_the_nearest_of_todays_data(
    cron: str, stored: str, decided: str | None, corrected: str
):
    schedule = CronSchedule(cron=cron, timezone="Europe/Berlin")
    found = correct_instant(schedule, utc(stored), utc(decided) if decided else None)
    assert found == utc(corrected)
