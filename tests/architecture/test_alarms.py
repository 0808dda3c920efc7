"""Datapoints replayed through what CloudWatch does with them: which alarm they raise, and when.

"Configuring how CloudWatch alarms treat missing data": it looks back some periods more than an
alarm evaluates. If there are as many real datapoints as it evaluates, the newest of these count.
If there are fewer, all of them count, and missing ones are treated as the alarm configures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.settings import settings
from infra.package import monitoring
from tests.support.watched import alarms

FIVE_MINUTES = 300
HOUR, DAY = 3600, 24 * 3600
MORE_PERIODS = 2
"""How much farther back it looks, in the tables of that page."""
ALARMS = {
    alarm["AlarmName"].removeprefix(f"optio-{settings.stage}-"): alarm
    for alarm in alarms().values()
}
Alarm = Mapping[str, Any]


def raised(alarm: Alarm, newest_last: Sequence[float | None]) -> bool:
    """Return whether an alarm is raised at the end of these periods."""
    of = alarm["EvaluationPeriods"]
    real = [one for one in newest_last[-of - MORE_PERIODS :] if one is not None][-of:]
    breaching = sum(map(breach(alarm), real))
    if alarm["TreatMissingData"] == "breaching":
        breaching += of - len(real)
    return breaching >= alarm.get("DatapointsToAlarm", of)


def breach(alarm: Alarm) -> Any:
    above = alarm["ComparisonOperator"] == "GreaterThanThreshold"
    threshold = alarm["Threshold"]
    return lambda value: value > threshold if above else value < threshold


def periods(seconds: int, firings: Mapping[int, float], last: int) -> list[float | None]:
    """Return the worst of the firings (by their second) of each period until the last second."""
    found: list[float | None] = [None] * (1 + last // seconds)
    for moment, late in firings.items():
        if moment <= last:
            found[moment // seconds] = max(late, found[moment // seconds] or 0)
    return found


def first_raised(name: str, firings: Mapping[int, float], until: int) -> int | None:
    """Return the second at which an alarm is raised, None where it never is."""
    alarm = ALARMS[name]
    for last in range(0, until, alarm["Period"]):
        if raised(alarm, periods(alarm["Period"], firings, last)):
            return last
    return None


def every(seconds: int, late: float, until: int = DAY) -> dict[int, float]:
    return dict.fromkeys(range(0, until, seconds), late)


TABLE = [
    # "Datapoints to Alarm and Evaluation Periods are both 3", then "2 and 3": missing is fine, bad
    (3, "0-X-X", False, False),
    (3, "----0", False, False),
    (3, "-----", False, True),
    (3, "0XX-X", True, True),
    (3, "--X--", False, True),
    (2, "0-X-X", True, True),
    (2, "00X0X", True, True),
    (2, "0-X--", False, True),
    (2, "----0", False, True),
    (2, "----X", False, True),
]


@pytest.mark.parametrize("times, seen, fine, bad", TABLE)
def test_alarms_are_replayed_as_cloudwatch_tells(times: int, seen: str, fine: bool, bad: bool):
    points = [{"0": 0.0, "X": 2.0, "-": None}[one] for one in seen]
    for missing, wanted in (("notBreaching", fine), ("breaching", bad)):
        alarm = {
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": times,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": missing,
        }
        assert raised(alarm, points) is wanted


@pytest.mark.parametrize(
    "seconds, within",
    [
        pytest.param(60, 900, id="each minute"),
        pytest.param(900, 2700, id="each quarter"),
        pytest.param(HOUR, 3 * HOUR, id="each hour"),
    ],
)
def test_what_is_often_late_raises_an_alarm_however_seldom_it_fires(seconds: int, within: int):
    at = first_raised("lateness", every(seconds, 6000), DAY)
    assert at is not None
    assert at <= within
    assert first_raised("lateness", every(seconds, 4000), DAY) is None


def test_what_is_late_once_or_twice_wakes_nobody():
    mostly = every(60, 300) | {HOUR: 8000.0, 2 * HOUR: 8000.0}
    assert first_raised("lateness", mostly, DAY) is None
    assert first_raised("very-late", mostly, DAY) is None


def test_lateness_is_over_when_schedules_are_punctual_again():
    bad = every(60, 6000, HOUR) | dict.fromkeys(range(HOUR, DAY, 60), 10.0)
    alarm = ALARMS["lateness"]
    assert raised(alarm, periods(alarm["Period"], bad, HOUR))
    assert not raised(alarm, periods(alarm["Period"], bad, 4 * HOUR + 2 * FIVE_MINUTES))


def test_a_daily_schedule_that_is_late_by_minutes_raises_an_alarm_at_once_and_alone():
    daily = {9 * HOUR: 150_000.0}
    assert first_raised("very-late", daily, DAY) == 9 * HOUR
    assert first_raised("very-late", {9 * HOUR: 100_000.0}, DAY) is None


def test_a_tick_that_comes_seldom_lets_firings_be_as_late_as_it_makes_them(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(vars(settings), "tick_interval", timedelta(minutes=7))
    assert monitoring._very_late_milliseconds() == 8 * 60_000


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_no_alarm_looks_back_farther_than_cloudwatch_does(name: str):
    """Over periods of less than an hour, an alarm evaluates a day at most."""
    alarm = ALARMS[name]
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= DAY
    assert 1 <= alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]


@pytest.mark.parametrize("minutes", [1, 2, 7])
def test_a_tick_that_stays_away_raises_its_alarm_within_four_intervals(
    monkeypatch: pytest.MonkeyPatch, minutes: int
):
    monkeypatch.setitem(vars(settings), "tick_interval", timedelta(minutes=minutes))
    alarm = alarms()["TickMissedAlarm"]
    assert alarm["Period"] == minutes * 60
    came = [1.0] * 10
    silent = [count for count in range(10) if raised(alarm, [*came, *[None] * count])]
    assert silent[0] == 4


def test_a_tick_that_comes_early_or_late_within_its_minute_raises_nothing():
    alarm = ALARMS["tick-missed"]
    assert not raised(alarm, [1.0, None, 2.0, 1.0, None, 2.0, None])


def test_one_delivery_that_met_a_busy_function_wakes_nobody():
    """The gateway counts its own 503 among the 5xx, and the sender delivers again."""
    assert not raised(ALARMS["ingress-5xx"], [None, 1.0])
    assert not raised(ALARMS["ingress-5xx"], [5.0])
    assert raised(ALARMS["ingress-5xx"], [None, 6.0])
