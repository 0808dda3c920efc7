"""Metrics of the stage, as alarms see them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.conftest import Stage
from tests.support.scheduled_blueprint import made


def measured(capsys: pytest.CaptureFixture[str], name: str) -> list[float]:
    """Return the values of a metric since the last look."""
    lines = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    events = [json.loads(line) for line in lines]
    return [event[name][0] for event in events if name in event]


def test_a_tick_tells_how_long_the_oldest_has_been_due(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    made(stage)
    stage.now += timedelta(minutes=9)
    stage.pass_time(timedelta(seconds=1))
    assert measured(capsys, "OldestOverdue")[0] == pytest.approx(241, abs=1)
    stage.pass_time(timedelta(seconds=1))
    assert measured(capsys, "OldestOverdue") == [], "nothing is overdue any more"


def test_what_a_person_fires_again_is_not_late(stage: Stage, capsys: pytest.CaptureFixture[str]):
    task, _ = made(stage)
    stage.pass_time(timedelta(minutes=5))
    assert len(measured(capsys, "FiringLateness")) == 1
    (first,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    stage.now += timedelta(minutes=3)
    assert stage.ok("POST", f"/api/firings/{first['id']}/redeliver")["runId"]
    assert measured(capsys, "FiringLateness") == []
    assert stage.ok("GET", "/api/health/scheduler")["latenessMs"]["count"] == 1


@pytest.mark.parametrize("way", ["definition", "trigger"])
def test_what_a_pause_passed_over_is_counted_once_it_is_resumed(
    stage: Stage, capsys: pytest.CaptureFixture[str], way: str
):
    task, trigger = made(stage)
    path = f"/api/tasks/{task}" + (f"/triggers/{trigger}" if way == "trigger" else "")
    stage.ok("PATCH", path, {"enabled": False})
    stage.pass_time(timedelta(minutes=21))
    assert measured(capsys, "Firings") == []
    stage.ok("PATCH", path, {"enabled": True})
    assert measured(capsys, "Firings") == [4]
    stage.ok("PATCH", path, {"enabled": True})
    assert measured(capsys, "Firings") == []


def test_a_run_that_no_runner_asks_for_is_counted(stage: Stage, capsys: pytest.CaptureFixture[str]):
    body = {"prompt": "x", "name": "x", "repoUrl": "acme/web"}
    stage.ok("POST", "/api/tasks", body)
    stage.settle()
    assert measured(capsys, "RunnerMissing") == []
    stage.pass_time(timedelta(minutes=7))
    assert sum(measured(capsys, "RunnerMissing")) >= 1
