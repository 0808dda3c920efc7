"""Clients of the older paths work on: the same handlers, the same rows, their own words."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.web.api.legacy import routes
from tests.conftest import RUNNER_TOKEN, Stage
from tests.support.runner_calls import claimed, line, runner

EVERY_HOUR = {"type": "schedule", "config": {"cronExpression": "0 * * * *"}}
CONFIG = {
    "name": "Bump",
    "prompt": "Bump {{what}}",
    "repoUrl": "acme/web",
    "agentType": "codex",
    "triggers": [EVERY_HOUR],
}
JOB = {"name": "Look", "promptTemplate": "Look at {{what}}", "agentRuntime": "gemini"}


def test_a_task_config_is_a_definition_with_a_repo(stage: Stage):
    made = stage.ok("POST", "/api/task-configs", CONFIG)
    config = made["taskConfig"]
    path = f"/api/task-configs/{config['id']}"

    assert stage.ok("GET", f"/api/tasks/{config['id']}") == {"task": config}
    assert (config["type"], config["agentType"]) == ("repo-blueprint", "codex")
    (trigger,) = made["triggers"]
    assert stage.ok("GET", f"{path}/triggers")["triggers"][0]["id"] == trigger["id"]
    assert stage.ok("GET", path) == {"taskConfig": config}
    listed = stage.ok("GET", "/api/task-configs?type=all")
    assert ([one["id"] for one in listed["taskConfigs"]], listed["nextCursor"]) == (
        [config["id"]],
        None,
    )
    assert "prompt" not in listed["taskConfigs"][0]
    changed = stage.ok("PATCH", path, {"prompt": "Bump it"})["taskConfig"]
    assert stage.ok("GET", f"/api/tasks/{config['id']}")["task"]["prompt"] == changed["prompt"]
    status, started = stage.call("POST", f"{path}/run", {"params": {"what": "npm"}})
    assert (status, list(started)) == (202, ["taskId"])
    assert stage.ok("GET", f"/api/tasks/{started['taskId']}")["task"]["type"] == "repo-task"
    assert stage.call("DELETE", f"{path}/triggers/{trigger['id']}")[0] == 204
    added = stage.ok("POST", f"{path}/triggers", EVERY_HOUR)["trigger"]
    paused = stage.ok("PATCH", f"{path}/triggers/{added['id']}", {"enabled": False})["trigger"]
    assert paused["enabled"] is False
    assert stage.call("DELETE", path)[0] == 204
    assert stage.call("GET", f"/api/tasks/{config['id']}")[0] == 404


def test_a_job_is_a_standalone_in_other_words(stage: Stage):
    job = stage.ok("POST", "/api/jobs", JOB)["workflow"]
    path = f"/api/jobs/{job['id']}"

    assert (job["promptTemplate"], job["agentRuntime"]) == ("Look at {{what}}", "gemini")
    task = stage.ok("GET", f"/api/tasks/{job['id']}")["task"]
    assert (task["type"], task["prompt"], task["agentType"]) == (
        "standalone",
        job["promptTemplate"],
        "gemini",
    )
    assert {"prompt", "agentType"} & job.keys() == set()
    (listed,) = stage.ok("GET", "/api/jobs")["workflows"]
    assert listed["agentRuntime"] == "gemini"
    command = {"agentRuntime": "command", "agentCommand": "true", "promptTemplate": "Look"}
    assert stage.ok("PATCH", path, command)["workflow"]["promptTemplate"] == "Look"

    status, started = stage.call("POST", f"{path}/runs", {"params": {"what": "this"}})

    assert (status, started["run"]["type"]) == (201, "workflow-run")
    run = started["run"]["id"]
    assert [one["id"] for one in stage.ok("GET", f"{path}/runs")["runs"]] == [run]
    stage.settle()
    here = {"runId": run, "attempt": claimed(stage)["attempt"], "outcome": "succeeded"}
    runner(stage, "report", {**here, "lines": [line(1, "seen")]})
    shown = stage.ok("GET", f"/api/workflow-runs/{run}")
    assert shown == {"run": stage.ok("GET", f"/api/tasks/{run}")["task"]}
    logs = stage.ok("GET", f"/api/workflow-runs/{run}/logs?limit=1")
    assert [entry["content"] for entry in logs["logs"]] == ["seen"]


def test_lists_have_pages_there_too(stage: Stage):
    made = [stage.ok("POST", "/api/jobs", {**JOB, "name": f"j{n}"})["workflow"] for n in range(3)]

    first = stage.ok("GET", "/api/jobs?limit=2")
    rest = stage.ok("GET", f"/api/jobs?limit=2&cursor={quote(first['nextCursor'])}")

    found = [one["id"] for one in first["workflows"] + rest["workflows"]]
    assert sorted(found) == sorted(one["id"] for one in made)
    assert rest["nextCursor"] is None


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/api/jobs", {"name": "x", "agentRuntime": "gemini"}, "promptTemplate"),
        ("/api/jobs", {**JOB, "agentRuntime": "nobody"}, "agentRuntime"),
        ("/api/jobs", {**JOB, "prompt": "x"}, "prompt"),
        ("/api/jobs", {**JOB, "repoUrl": "a/b"}, "repoUrl"),
        ("/api/task-configs", {"name": "x", "prompt": "x"}, "repoUrl"),
        ("/api/task-configs", {**CONFIG, "timeoutMinutes": 0}, "timeoutMinutes"),
    ],
)
def test_faults_name_the_field_as_it_was_written(
    stage: Stage, path: str, body: dict[str, Any], field: str
):
    status, answer = stage.call("POST", path, body)

    assert status == 400
    assert field in [detail["field"] for detail in answer["details"]]


def test_what_is_of_another_kind_is_not_there(stage: Stage):
    config = stage.ok("POST", "/api/task-configs", CONFIG)["taskConfig"]["id"]
    job = stage.ok("POST", "/api/jobs", JOB)["workflow"]["id"]

    for path in (f"/api/jobs/{config}", f"/api/task-configs/{job}", f"/api/workflow-runs/{job}"):
        assert stage.call("GET", path)[0] == 404
    assert stage.call("DELETE", f"/api/jobs/{config}")[0] == 404
    assert stage.call("GET", f"/api/tasks/{config}")[0] == 200


def test_every_alias_asks_for_the_scope_of_what_it_stands_for(stage: Stage):
    for one in routes.operations:
        path = one.path.replace("{task_id}", "x").replace("{trigger_id}", "x")
        assert stage.call(one.method, path, {}, token="")[0] == 401
        assert stage.call(one.method, path, {}, token=RUNNER_TOKEN)[0] == 403


def test_the_description_calls_them_deprecated_and_leads_nobody_there(stage: Stage):
    paths = stage.ok("GET", "/api/openapi.json")["paths"]
    described = [one for methods in paths.values() for one in methods.values()]
    older = {one["operationId"] for one in described if one.get("deprecated")}
    assert older == {
        paths[one.path][one.method.lower()]["operationId"] for one in routes.operations
    }
    links = [
        link["operationId"]
        for one in described
        for answer in one["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    assert not older & set(links)


def test_an_idempotency_key_makes_one_job_only(stage: Stage):
    first = stage.ok("POST", "/api/jobs", JOB, **{"Idempotency-Key": "k1"})
    again = stage.ok("POST", "/api/jobs", JOB, **{"Idempotency-Key": "k1"})

    assert first["workflow"]["id"] == again["workflow"]["id"]
    other = {**JOB, "name": "Other"}
    assert stage.call("POST", "/api/jobs", other, **{"Idempotency-Key": "k1"})[0] == 409
