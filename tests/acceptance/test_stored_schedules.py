"""Schedules as they were stored: by older zone data, or by rules that refuse them today."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import wiring
from chalicelib.actions.blueprints import time_zone_updates
from chalicelib.domain.triggers.trigger import OnSchedule, Trigger
from tests.conftest import Stage
from tests.support.browser import Browser, browser
from tests.support.scheduled_blueprint import made

__all__ = ["browser"]


def store(trigger_id: str, **schedule: str) -> Trigger:
    """Overwrite fields of a stored schedule, past every check."""
    triggers = wiring.get_world().triggers
    was = triggers.get(trigger_id)
    assert isinstance(was, OnSchedule)
    new = replace(was, version=was.version + 1, schedule=replace(was.schedule, **schedule))
    triggers.save_progress(new, was)
    return new


@pytest.mark.parametrize(
    "stored",
    [
        {"cron": "*/15,*/20 * * * *"},
        {"cron": "0 9 */31,1-7 * mon"},
        {"cron": "*,5 * * * *"},
        {"cron": "61 * * * *"},
        {"cron": ""},
        {"timezone": "localtime"},
        {"timezone": "right/Europe/Berlin"},
        {"timezone": ""},
    ],
)
def test_no_stored_schedule_takes_a_page_down(
    stage: Stage, browser: Browser, stored: dict[str, str]
):
    task, trigger = made(stage)
    store(trigger, **stored)

    for page in (
        "/tasks/scheduled",
        f"/tasks/scheduled/{task}",
        f"/tasks/scheduled/{task}/edit",
        f"/tasks/scheduled/{task}/triggers/{trigger}",
    ):
        assert browser.get(page).status == 200, page
    listed = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert [one["id"] for one in listed] == [trigger]


@pytest.mark.parametrize(
    "expression", ["*/15,*/20 * * * *", "0 9 */31,1-7 * mon", "*/7,*/8 * * * *"]
)
def test_a_list_of_steps_is_explained_while_it_is_typed(browser: Browser, expression: str):
    answer = browser.get(f"/tasks/new/cron?cronExpression={expression.replace(' ', '+')}")
    assert answer.status == 200
    assert "UTC" in answer.text


def test_a_zone_that_is_refused_today_disables_its_schedule_with_the_reason(stage: Stage):
    task, trigger = made(stage)
    store(trigger, timezone="right/Europe/Berlin")

    stage.pass_time(timedelta(minutes=6))

    (shown,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert not shown["enabled"]
    assert "'right/Europe/Berlin' is not an IANA time zone" in shown["disabledReason"]


def test_new_zone_data_moves_stored_times_once(stage: Stage):
    config = {"cronExpression": "0 13 * * *", "timezone": "Europe/Berlin", "jitterSeconds": 60}
    _, trigger = made(stage, config=config)
    _, other = made(stage)
    world = wiring.get_world()
    right = world.triggers.get(trigger)
    untouched = world.triggers.get(other)
    assert right.next_fire_at
    hour = timedelta(hours=1)
    late = right.next_fire_at + hour
    wrong = replace(right, version=2, next_fire_at=late, due_at=late + right.own_jitter)
    world.triggers.save_progress(wrong, right)

    assert time_zone_updates.correct_next_times(world, "2099a") == 1
    assert time_zone_updates.correct_next_times(world, "2099a") == 0

    moved = world.triggers.get(trigger)
    assert (moved.next_fire_at, moved.due_at) == (right.next_fire_at, right.due_at)
    assert world.triggers.get(other) == untouched


def test_the_first_tick_after_an_update_corrects_what_is_stored(stage: Stage):
    config = {"cronExpression": "0 13 * * *", "timezone": "Europe/Berlin"}
    _, trigger = made(stage, config=config)
    world = wiring.get_world()
    right = world.triggers.get(trigger)
    assert right.next_fire_at
    late = right.next_fire_at + timedelta(hours=1)
    world.triggers.save_progress(replace(right, version=2, next_fire_at=late, due_at=late), right)

    stage.pass_time(timedelta(minutes=1))

    assert world.triggers.get(trigger).next_fire_at == right.next_fire_at
