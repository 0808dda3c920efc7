"""Distances at which ticks send an overdue row again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.actions.scheduler import tick
from chalicelib.actions.scheduler.tick import sends_passed
from tests.conftest import NOON
from tests.support.core_stage import MINUTE, SECOND, THROTTLED, Shards, Stage, with_due

MOMENTS = [0, 1, 2, 4, *range(8, 200, 8)]
"""Minutes after its moment at which a row is sent again, written out."""


@given(st.integers(min_value=-600, max_value=190 * 60))
def test_the_moments_are_those_that_are_written_out(seconds: int):
    expected = sum(60 * moment <= seconds for moment in MOMENTS)
    assert sends_passed(seconds * SECOND) == expected


def hanging(stage: Stage, rows: int = 1) -> Any:
    with_due(stage.world)
    for name, kind in (("triggers", "trigger"), ("runs", "run"), ("providers", "provider")):
        setattr(stage.world, name, Shards(kind, [[]]))
    stage.world.deliveries = Shards("delivery", [[NOON] * rows])
    return stage.world.notify_queue.sent


@given(st.lists(st.integers(min_value=0, max_value=11), min_size=91, max_size=91))
def test_a_row_that_hangs_for_90_minutes_is_sent_at_each_moment_once(offsets: list[int]):
    stage = Stage()
    sent = hanging(stage)
    minutes = []
    for minute, offset in enumerate(offsets):
        stage.now = NOON + minute * MINUTE + offset * SECOND
        tick.run_tick(stage.world)
        minutes += [minute] * len(sent)
        sent.clear()
    assert minutes == [0, 1, 2, 4, 8, *range(16, 91, 8)]


@given(st.sets(st.integers(min_value=0, max_value=120), min_size=30))
def test_a_lost_tick_loses_no_moment(ticks: set[int]):
    stage = Stage()
    stage.now = NOON - 5 * MINUTE
    sent = hanging(stage)
    tick.run_tick(stage.world)
    before = -5 * MINUTE
    for minute in sorted(ticks):
        overdue = minute * MINUTE
        stage.now = NOON + overdue
        tick.run_tick(stage.world)
        assert bool(sent) is (sends_passed(overdue) > sends_passed(before))
        sent.clear()
        before = overdue


def test_a_repeated_tick_sends_nothing_twice():
    stage = Stage()
    stage.now = NOON - 5 * MINUTE
    sent = hanging(stage, 10)
    tick.run_tick(stage.world)
    stage.now = NOON + SECOND
    tick.run_tick(stage.world)
    stage.now += 3 * SECOND
    tick.run_tick(stage.world)
    assert len(sent) == 10


def test_rows_that_a_tick_had_no_time_for_come_with_the_next(monkeypatch: pytest.MonkeyPatch):
    stage = Stage()
    stage.now = NOON + 9 * MINUTE
    stage.world.markers.record_time("tick", stage.now - MINUTE)
    sent = hanging(stage)
    stage.world.deliveries = Shards("delivery", [[NOON + MINUTE] * 50 + [NOON + 6 * MINUTE] * 50])
    real = stage.world.notify_queue.send_messages

    def slowly(messages: Any) -> None:
        real(messages)
        stage.now += 30 * SECOND

    monkeypatch.setattr(tick, "MAX_ROWS_PER_SEND", 10)
    stage.world.notify_queue.send_messages = slowly
    assert tick.run_tick(stage.world) == 20
    assert stage.world.markers.last_time("behind") == NOON + 8 * MINUTE
    stage.world.notify_queue.send_messages = real
    sent.clear()
    stage.now = NOON + 10 * MINUTE
    assert tick.run_tick(stage.world) == 100
    assert stage.world.markers.last_time("behind") > NOON + timedelta(days=1000)
    stage.now = NOON + 10.5 * MINUTE
    assert tick.run_tick(stage.world) == 0


def test_overdue_rows_show_although_they_are_not_sent(monkeypatch: pytest.MonkeyPatch):
    stage = Stage()
    hanging(stage)
    seen = []
    monkeypatch.setattr(
        stage.world.metrics, "record_tick", lambda sent, overdue: seen.append(overdue)
    )
    for minute in range(30):
        stage.now = NOON + minute * MINUTE
        tick.run_tick(stage.world)
    assert seen == [minute * MINUTE for minute in range(30)]


def overdue_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    seen: list[timedelta] = []
    monkeypatch.setattr(
        stage.world.metrics, "record_tick", lambda sent, overdue: seen.append(overdue)
    )
    return seen


def test_rows_that_cannot_be_read_count_as_overdue_since_the_last_tick_that_read_all(
    monkeypatch: pytest.MonkeyPatch,
):
    stage = Stage()
    seen = overdue_of(stage, monkeypatch)
    stage.now = NOON - MINUTE
    tick.run_tick(stage.world)
    stage.world.runs = stage.world.providers = stage.world.deliveries = Shards("run", [[]])
    stage.world.triggers = Shards("trigger", [THROTTLED])
    for minute in range(10):
        stage.now = NOON + minute * MINUTE
        with pytest.raises(tick.IncompleteTick):
            tick.run_tick(stage.world)
    assert seen[1:] == [(1 + minute) * MINUTE for minute in range(10)]


@pytest.mark.parametrize("call", ["last_time", "record_time"])
def test_a_tick_without_its_markers_sends_and_is_told_of(
    monkeypatch: pytest.MonkeyPatch, call: str
):
    stage = Stage()
    seen = overdue_of(stage, monkeypatch)
    stage.now = NOON + MINUTE
    sent = hanging(stage)

    def refuse(*given: Any) -> Any:
        raise THROTTLED

    monkeypatch.setattr(stage.world.markers, call, refuse)
    with pytest.raises((tick.IncompleteTick, RuntimeError)):
        tick.run_tick(stage.world)
    assert len(sent) == 1
    unknown = stage.world.policy.missed_after
    assert seen == [unknown if call == "last_time" else MINUTE]
