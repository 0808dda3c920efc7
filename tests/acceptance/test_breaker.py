"""A blueprint that fails repeatedly in the same way is paused, with the reason, until resumed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions.runs import circuit_breaker
from tests.conftest import Stage
from tests.support.failing_blueprint import begun, ended, ran, shown
from tests.support.failing_blueprint import task as task
from tests.support.runner_calls import claimed, runner


def test_the_fifth_failure_of_a_class_in_a_row_pauses_with_the_reason(stage: Stage, task: str):
    ran(stage, task, *["agent"] * 4)
    assert shown(stage, task)["enabled"]

    ran(stage, task, "agent")

    paused = shown(stage, task)
    assert not paused["enabled"]
    assert "5 failures in a row of the class agent" in paused["pausedReason"]
    assert "it was agent" in paused["pausedReason"]
    (trigger,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert trigger["nextFireAt"] is None
    status, answer = stage.call("POST", f"/api/tasks/{task}/runs", {})
    assert status == 409
    assert "5 failures in a row" in answer["error"]


def test_failures_count_though_very_many_runs_wait_behind_them(
    stage: Stage, task: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(circuit_breaker, "PAGE_SIZE", 4)
    stage.ok("PATCH", f"/api/tasks/{task}", {"maxConcurrent": 1})
    for _ in range(15):
        stage.now += timedelta(seconds=1)
        stage.ok("POST", f"/api/tasks/{task}/runs", {})
    for number in range(5):
        assert shown(stage, task)["enabled"], number
        stage.settle()
        ended(stage, claimed(stage), "agent")

    assert not shown(stage, task)["enabled"]


def test_runners_that_fall_silent_count_like_failures_that_were_told(stage: Stage, task: str):
    stage.ok("PATCH", f"/api/tasks/{task}", {"maxRetries": 0})
    for number in range(5):
        assert shown(stage, task)["enabled"], number
        begun(stage, task)
        stage.pass_time(timedelta(minutes=2))

    paused = shown(stage, task)
    assert not paused["enabled"]
    assert "5 failures in a row of the class lost_runner" in paused["pausedReason"]


def test_another_class_or_a_success_begins_the_row_anew(stage: Stage, task: str):
    ran(stage, task, *["agent"] * 4, "setup", *["agent"] * 4, None, *["agent"] * 4)
    assert shown(stage, task)["enabled"]
    ran(stage, task, "agent")
    assert not shown(stage, task)["enabled"]


def test_one_click_resumes_and_only_what_fails_from_then_on_counts(stage: Stage, task: str):
    ran(stage, task, *["agent"] * 5)
    edited = stage.ok("PATCH", f"/api/tasks/{task}", {"name": "Nightly, looked at"})["task"]
    assert "5 failures" in edited["pausedReason"]

    resumed = stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})["task"]

    assert (resumed["enabled"], resumed["pausedReason"]) == (True, None)
    ran(stage, task, *["agent"] * 4)
    assert shown(stage, task)["enabled"]
    ran(stage, task, "agent")
    assert not shown(stage, task)["enabled"]


def test_a_run_counts_once_however_often_it_is_told_or_tried(stage: Stage, task: str):
    ran(stage, task, *["agent"] * 4)
    world = wiring.get_world()
    (last, *_), _ = world.runs.list_of_blueprint(task, None, 1)
    for _ in range(3):
        circuit_breaker.pause_after_failures(world, last)
    stage.ok("POST", f"/api/tasks/{last.id}/retry")
    stage.settle()
    job = claimed(stage)
    body = {"runId": job["runId"], "attempt": job["attempt"], "outcome": "failed"}
    assert runner(stage, "report", {**body, "errorClass": "agent"})[0] == 200
    assert runner(stage, "report", {**body, "errorClass": "agent"})[0] == 409
    assert shown(stage, task)["enabled"]


def test_a_definition_that_is_gone_does_not_fail_the_end_of_its_runs(stage: Stage, task: str):
    jobs = [begun(stage, task) for _ in range(5)]
    stage.ok("DELETE", f"/api/tasks/{task}")
    for job in jobs:
        ended(stage, job, "agent")


def test_the_failures_that_a_lagging_list_does_not_know_yet_are_seen_by_the_next(
    stage: Stage, task: str, monkeypatch: pytest.MonkeyPatch
):
    ran(stage, task, *["agent"] * 4)
    runs = wiring.get_world().runs
    real = runs.list_of_blueprint
    blind: Any = lambda *given: ([], None)  # noqa: E731
    monkeypatch.setattr(runs, "list_of_blueprint", blind)
    ran(stage, task, "agent")
    assert shown(stage, task)["enabled"]
    monkeypatch.setattr(runs, "list_of_blueprint", real)
    ran(stage, task, "agent")
    assert not shown(stage, task)["enabled"]
