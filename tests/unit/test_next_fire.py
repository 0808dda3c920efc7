"""Pauses, edits and outages of a schedule: exact gaps, at any length, and one rule for jitter."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.actions.blueprints import next_fire
from chalicelib.actions.firing import due_schedules
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.gap import MissedGap
from chalicelib.domain.triggers.trigger import CatchUp, OnSchedule, ScheduleSettings, Trigger

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OWNER = Blueprint(
    id="d",
    kind=Kind.STANDALONE,
    name="d",
    title="d",
    prompt="Do it.",
    created_at=NINE,
    updated_at=NINE,
)


def world_at(now: datetime) -> Any:
    policy = SimpleNamespace(missed_after=timedelta(minutes=10))
    return SimpleNamespace(now=lambda: now, policy=policy)


def scheduled(cron: str, now: datetime, *, key: str = "t", **config: Any) -> Trigger:
    new = OnSchedule(
        id=key,
        blueprint_id="d",
        blueprint_kind="standalone",
        created_at=now,
        updated_at=now,
        schedule=ScheduleSettings(cron=cron, **config),
    )
    return next_fire.with_first_fire_time(world_at(now), new, OWNER)


def jittered(cron: str, now: datetime, **config: Any) -> Trigger:
    """Return a trigger whose jitter is 2 to 5 minutes, as its id decides."""
    for number in range(100):
        found = scheduled(cron, now, key=f"t{number}", jitter_seconds=300, **config)
        if found.own_jitter >= 2 * MINUTE:
            return found
    raise AssertionError("no id has such a jitter")


def edited(was: Trigger, now: datetime, **changes: Any) -> Any:
    return next_fire.reschedule(world_at(now), was, replace(was, **changes), OWNER, OWNER)


def paused_from_to(was: Trigger, start: datetime, end: datetime) -> Any:
    paused = edited(was, start, enabled=False).new
    return edited(paused, end, enabled=True)


@pytest.mark.parametrize("days", [1, 70, 400, 3000])
def test_a_pause_of_a_minutely_schedule_is_one_exact_record_at_any_length(days: int):
    was = scheduled("* * * * *", NINE)
    end = NINE + timedelta(days=days)
    begun = time.process_time()

    change = paused_from_to(was, NINE + MINUTE / 2, end)

    assert time.process_time() - begun < 2
    assert change.gap.count == days * 24 * 60
    assert change.gap.occurrence == "2026-05-04T09:01:00Z"
    assert change.gap.until == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert change.new.next_fire_at == end + MINUTE
    assert change.new.decided_until == end


@pytest.mark.parametrize(
    "policy, left",
    [(CatchUp.SKIP, 0), (CatchUp.ONE, 1), (CatchUp.ALL, due_schedules.MAX_OCCURRENCES_PER_CALL)],
)
def test_an_outage_of_half_a_year_is_one_exact_record(policy: CatchUp, left: int):
    trigger = scheduled("* * * * *", NINE, catch_up=policy)
    now = NINE + timedelta(days=180)

    gap = due_schedules._find_missed(world_at(now), trigger)

    newest = now - timedelta(minutes=10)
    count = 180 * 24 * 60 - 10 - left
    assert gap == MissedGap(first=NINE + MINUTE, last=newest - left * MINUTE, count=count)


def test_a_short_outage_leaves_no_gap_when_all_are_made_up_for():
    trigger = scheduled("* * * * *", NINE, catch_up=CatchUp.ALL)
    assert due_schedules._find_missed(world_at(NINE + timedelta(hours=1)), trigger) is None


def test_a_pause_that_ends_before_the_jittered_moment_loses_nothing():
    was = jittered("0 9 * * *", NINE - MINUTE)

    change = paused_from_to(was, NINE + MINUTE / 2, NINE + MINUTE)

    assert change.gap is None
    assert change.new.next_fire_at == NINE
    assert change.new.due_at == NINE + was.own_jitter


def test_a_pause_over_the_jittered_moment_is_a_record():
    was = jittered("0 9 * * *", NINE - MINUTE)

    change = paused_from_to(was, NINE + MINUTE, NINE + was.own_jitter)

    assert (change.gap.count, change.gap.occurrence) == (1, "2026-05-04T09:00:00Z")
    assert change.new.next_fire_at == NINE + timedelta(days=1)


def test_after_a_pause_each_jittered_minute_is_either_recorded_or_still_to_come():
    was = jittered("* * * * *", NINE)
    end = NINE + timedelta(minutes=30)

    change = paused_from_to(was, NINE + MINUTE, end)

    last = datetime.fromisoformat(change.gap.until)
    assert last + was.own_jitter <= end
    assert change.new.next_fire_at == last + MINUTE
    assert end < change.new.due_at <= end + MINUTE


def test_a_new_schedule_fires_at_a_jittered_moment_that_is_still_to_come():
    made = jittered("0 9 * * *", NINE + MINUTE)

    assert made.due_at == NINE + made.own_jitter
    assert made.due_at == made.preview_fires(NINE + MINUTE)[0]


def test_no_jitter_fires_past_the_end():
    end_at = NINE + timedelta(days=1, minutes=1)
    was = jittered("0 9 * * *", NINE - MINUTE, end_at=end_at)
    assert was.due_at == NINE + was.own_jitter
    assert was.next_times(NINE) == (None, None)
    with pytest.raises(Invalid, match="ends before it fires once"):
        jittered("0 9 * * *", NINE + MINUTE, start_at=NINE + timedelta(hours=1), end_at=end_at)


def test_a_longer_jitter_does_not_move_the_last_time_past_the_end():
    was = scheduled("0 9 * * *", NINE - MINUTE, key="t1", end_at=NINE + MINUTE)
    assert isinstance(was, OnSchedule)
    longer = replace(was.schedule, jitter_seconds=3600)
    assert replace(was, schedule=longer).own_jitter > MINUTE

    change = edited(was, NINE - MINUTE / 2, schedule=longer)

    assert (change.new.next_fire_at, change.new.due_at) == (None, None)


def test_a_shorter_jitter_fires_what_waited_for_the_longer_one():
    was = jittered("0 9 * * *", NINE - MINUTE)
    assert isinstance(was, OnSchedule)

    change = edited(was, NINE + MINUTE, schedule=replace(was.schedule, jitter_seconds=0))

    assert (change.gap, change.new.due_at) == (None, NINE)


@pytest.mark.parametrize("stored", [{"timezone": "localtime"}, {"cron": "0 9 30 2 *"}])
def test_a_stored_schedule_that_cannot_be_computed_can_be_repaired(stored: dict[str, Any]):
    was = scheduled("0 9 * * *", NINE - MINUTE)
    assert isinstance(was, OnSchedule)
    broken = replace(was, schedule=replace(was.schedule, **stored), enabled=False, due_at=None)

    change = edited(broken, NINE + MINUTE, schedule=was.schedule, enabled=True)

    assert (change.gap.count, change.gap.occurrence) == (1, "2026-05-04T09:00:00Z")
    assert change.new.due_at == NINE + timedelta(days=1)
    assert broken.preview_fires(NINE) == []
