"""Schedules that have an end: those that would never fire, and those that have fired their last."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.ids import format_moment
from tests.conftest import Stage

TASK = {"type": "standalone", "name": "Report", "prompt": "Report."}


def schedule(stage: Stage, lasts: timedelta) -> dict[str, object]:
    config = {"cronExpression": "* * * * *", "endAt": format_moment(stage.now + lasts)}
    return {"type": "schedule", "config": config}


def test_each_schedule_of_a_new_task_that_never_fires_is_named_at_once(stage: Stage):
    never, sometimes = schedule(stage, timedelta(seconds=1)), schedule(stage, timedelta(days=1))
    triggers = [never, sometimes, never]
    status, answer = stage.call("POST", "/api/tasks", {**TASK, "triggers": triggers})
    assert status == 400
    message = "the schedule ends before it fires once: choose a later end"
    assert answer["details"] == [
        {"field": f"triggers.{number}.config.endAt", "message": message} for number in (0, 2)
    ]


def test_a_task_is_paused_and_resumed_though_one_of_its_schedules_has_ended(stage: Stage):
    triggers = [schedule(stage, timedelta(minutes=2)), schedule(stage, timedelta(days=9))]
    task = stage.ok("POST", "/api/tasks", {**TASK, "triggers": triggers})["task"]["id"]
    stage.pass_time(timedelta(minutes=4))
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    stage.pass_time(timedelta(minutes=2))

    assert stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})["task"]["enabled"]

    shown = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    ended, going = sorted(shown, key=lambda trigger: trigger["config"]["endAt"])
    assert ended["nextFireAt"] is None
    assert going["nextFireAt"] is not None


def test_a_schedule_that_has_ended_is_not_enabled_again_without_a_later_end(stage: Stage):
    triggers = [schedule(stage, timedelta(minutes=2))]
    made = stage.ok("POST", "/api/tasks", {**TASK, "triggers": triggers})["task"]["id"]
    (trigger,) = stage.ok("GET", f"/api/tasks/{made}/triggers")["triggers"]
    path = f"/api/tasks/{made}/triggers/{trigger['id']}"
    stage.ok("PATCH", path, {"enabled": False})
    stage.pass_time(timedelta(minutes=4))
    status, answer = stage.call("PATCH", path, {"enabled": True})
    assert (status, answer["details"][0]["field"]) == (400, "config.endAt")
