"""The stages of a run as its runner reports them, also short ones and those of a cancelled run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.runs.attempt import MAX_ATTEMPTS_WITH_STAGES, Attempt, StageSpan, with_stages
from tests.conftest import Stage
from tests.support.browser import Browser
from tests.support.runner_calls import claimed, runner

BUMP = {
    "type": "repo-blueprint",
    "name": "Bump",
    "prompt": "Bump it",
    "repoUrl": "https://git.example.com/acme/web",
    "agentType": "command",
    "agentCommand": "true",
}
MOMENT = "2026-05-04T12:00:{:02d}Z"


def span(stage: str, begin: int, end: int | None) -> dict[str, Any]:
    ended = None if end is None else MOMENT.format(end)
    return {"stage": stage, "startedAt": MOMENT.format(begin), "endedAt": ended}


@pytest.fixture
def job(stage: Stage) -> dict[str, Any]:
    task = stage.ok("POST", "/api/tasks", BUMP)["task"]["id"]
    stage.ok("POST", f"/api/tasks/{task}/runs")
    stage.settle()
    return claimed(stage)


def shown(stage: Stage, job: dict[str, Any]) -> dict[str, Any]:
    task: dict[str, Any] = stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]
    return task


def marks(stage: Stage, job: dict[str, Any]) -> dict[str, str]:
    """Return the state of each phase on the run's page."""
    page = Browser(stage).sign_in().get(f"/tasks/{job['runId']}").text
    listed = page.split('aria-label="Phases">')[1].split("</ol>")[0]
    items = [item.split("</i>")[1] for item in listed.split("<li")[1:]]
    return {item.split("<")[0]: item.split("(")[1].split(")")[0] for item in items}


def test_a_stage_shorter_than_a_beat_is_shown_where_it_failed(stage: Stage, job: dict[str, Any]):
    here = {"runId": job["runId"], "attempt": 1}
    runner(stage, "beat", {**here, "stage": "clone", "stages": [span("clone", 0, None)]})
    stages = [span("clone", 0, 1), span("setup", 1, 2)]

    end = {"outcome": "failed", "stage": "setup", "errorClass": "setup", "errorMessage": "exit 1"}
    assert runner(stage, "report", {**here, **end, "stages": stages})[0] == 200

    assert shown(stage, job)["attempts"][0]["stages"] == stages
    assert shown(stage, job)["stage"] == "setup"
    assert marks(stage, job) == {
        "clone": "done, 1s",
        "setup": "ended here, 1s",
        "agent": "not started",
        "push": "not started",
        "publish": "not started",
    }


@pytest.mark.parametrize("reports", [True, False])
def test_a_cancelled_run_shows_what_it_did(stage: Stage, job: dict[str, Any], reports: bool):
    here = {"runId": job["runId"], "attempt": 1}
    stages = [span("clone", 0, 1), span("setup", 1, 4), span("agent", 4, None)]
    runner(stage, "beat", {**here, "stage": "agent", "stages": stages})
    stage.ok("POST", f"/api/tasks/{job['runId']}/cancel")
    if reports:
        stages = [*stages[:2], span("agent", 4, 9)]
        end = {"outcome": "failed", "stage": "agent", "errorMessage": "cancelled"}
        assert runner(stage, "report", {**here, **end, "stages": stages})[0] == 409

    assert shown(stage, job)["attempts"][0]["stages"] == stages
    assert marks(stage, job) == {
        "clone": "done, 1s",
        "setup": "done, 3s",
        "agent": "ended here, 5s" if reports else "ended here",
        "push": "not started",
        "publish": "not started",
    }


def test_a_beat_without_news_of_stages_writes_nothing(stage: Stage, job: dict[str, Any]):
    body = {"runId": job["runId"], "attempt": 1, "stage": "clone"}
    body["stages"] = [span("clone", 0, None)]
    runner(stage, "beat", body)
    version = wiring.get_world().runs.get(job["runId"]).version

    for _ in range(3):
        runner(stage, "beat", body)

    assert wiring.get_world().runs.get(job["runId"]).version == version


@pytest.mark.parametrize(
    "stages, field",
    [
        ([span("clone", 0, 1)] * 13, "stages"),
        ([{**span("clone", 0, 1), "stage": "lunch"}], "stages.0.stage"),
        ([{**span("clone", 0, 1), "startedAt": "2026-05-04T12:00:00"}], "stages.0.startedAt"),
    ],
)
def test_stages_that_cannot_be_are_refused_by_their_field(
    stage: Stage, job: dict[str, Any], stages: list[Any], field: str
):
    body = {"runId": job["runId"], "attempt": 1, "stages": stages}

    status, answer = runner(stage, "beat", body)

    assert status == 400
    assert [fault["field"] for fault in answer["details"]] == [field]


def test_only_the_newest_attempts_keep_their_stages(stage: Stage):
    now = stage.now
    spans = (StageSpan(stage="clone", started_at=now, ended_at=now + timedelta(seconds=1)),)
    attempts: tuple[Attempt, ...] = ()
    for number in range(1, 2 * MAX_ATTEMPTS_WITH_STAGES + 1):
        attempts = (*attempts, Attempt(number=number, started_at=now, runner="r1"))
        attempts = with_stages(attempts, number, spans)

    kept = [attempt.number for attempt in attempts if attempt.stages]
    assert kept == list(range(MAX_ATTEMPTS_WITH_STAGES + 1, 2 * MAX_ATTEMPTS_WITH_STAGES + 1))
