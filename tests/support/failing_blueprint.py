"""A blueprint whose runs fail alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.runner_calls import claimed, runner

BODY = {
    "type": "standalone",
    "name": "Nightly",
    "prompt": "Look around",
    "agentType": "command",
    "agentCommand": "true",
    "maxConcurrent": 10,
    "triggers": [{"type": "schedule", "config": {"cronExpression": "0 3 * * *"}}],
}


@pytest.fixture
def task(stage: Stage) -> str:
    made: str = stage.ok("POST", "/api/tasks", BODY)["task"]["id"]
    return made


def begun(stage: Stage, task: str) -> dict[str, Any]:
    stage.ok("POST", f"/api/tasks/{task}/runs", {})
    stage.settle()
    return claimed(stage)


def ended(stage: Stage, job: dict[str, Any], kind: str | None) -> None:
    end = {"outcome": "failed", "errorClass": kind, "errorMessage": f"it was {kind}"}
    body = {"runId": job["runId"], "attempt": 1, **(end if kind else {"outcome": "no_changes"})}
    assert runner(stage, "report", body)[0] == 200


def ran(stage: Stage, task: str, *kinds: str | None) -> None:
    for kind in kinds:
        stage.now += timedelta(minutes=1)
        ended(stage, begun(stage, task), kind)


def shown(stage: Stage, task: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.ok("GET", f"/api/tasks/{task}")["task"]
    return found
