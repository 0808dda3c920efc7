"""Calls of a runner, and a stage with something to run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.conftest import RUNNER_TOKEN, Stage

NIGHTLY = {
    "type": "repo-blueprint",
    "name": "Nightly bump",
    "prompt": "Bump {{what}} on {{date}}.",
    "repoUrl": "https://git.example.com/acme/web.git",
    "agentType": "command",
    "agentCommand": "echo hi >> notes.txt",
    "triggers": [
        {
            "type": "schedule",
            "config": {"cronExpression": "*/5 * * * *"},
            "paramMapping": {"what": "requests"},
        }
    ],
}


def runner(stage: Stage, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return stage.call("POST", f"/api/runner/{path}", body, token=RUNNER_TOKEN)


def claimed(stage: Stage) -> dict[str, Any]:
    status, answer = runner(stage, "claim", {"runner": "r1"})
    assert status == 200, answer
    job: dict[str, Any] = answer["job"]
    return job


def line(seq: int, content: str) -> dict[str, Any]:
    return {"seq": seq, "timestamp": "2026-05-04T12:05:01Z", "logType": "agent", "content": content}


def fired(stage: Stage) -> tuple[str, str]:
    task = stage.ok("POST", "/api/tasks", NIGHTLY)["task"]["id"]
    stage.pass_time(timedelta(minutes=5))
    (run,) = stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    return task, run["id"]
