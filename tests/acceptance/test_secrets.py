"""Secrets go in, reach the runs that may have them, and are found nowhere else."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from tests.conftest import Stage
from tests.support.runner_calls import NIGHTLY, claimed, line, runner

REPO = "https://git.example.com/acme/web"
CANARY = "canary-5f3c1b2a"


def keep(stage: Stage, name: str, value: str, scope: str = "global") -> None:
    stage.ok("PUT", f"/api/secrets/{name}", {"value": value, "scope": scope})


def started(stage: Stage, **more: Any) -> str:
    task = stage.ok("POST", "/api/tasks", {**NIGHTLY, "triggers": [], **more})["task"]["id"]
    run: str = stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
    stage.settle()
    return run


def test_a_run_gets_what_its_repo_its_definition_and_its_agent_name_and_no_more(stage: Stage):
    keep(stage, "NPM_TOKEN", "of everybody")
    keep(stage, "NPM_TOKEN", "of this repo", f"{REPO}.git/")
    keep(stage, "NPM_TOKEN", "of another repo", "https://git.example.com/acme/other")
    keep(stage, "SENTRY_DSN", "of the definition")
    keep(stage, "ANTHROPIC_API_KEY", "of the agent")
    keep(stage, "UNASKED", "of nobody")
    stage.ok("POST", "/api/repos", {"repoUrl": REPO, "secrets": ["NPM_TOKEN"]})
    started(stage, secrets=["SENTRY_DSN"], agentType="claude-code", agentCommand=None)

    job = claimed(stage)

    assert job["secrets"] == {
        "NPM_TOKEN": "of this repo",
        "SENTRY_DSN": "of the definition",
        "ANTHROPIC_API_KEY": "of the agent",
    }


def test_a_missing_secret_fails_the_task_before_anything_begins_and_a_retry_goes_on(stage: Stage):
    run = started(stage, secrets=["NPM_TOKEN", "SENTRY_DSN"])
    keep(stage, "SENTRY_DSN", "there")

    assert runner(stage, "claim", {"runner": "r1"})[0] == 204

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["errorClass"]) == ("failed", "missing_secret")
    assert "missing secret 'NPM_TOKEN'" in shown["errorMessage"]
    assert "PUT /api/secrets/NPM_TOKEN" in shown["errorMessage"]
    assert shown["attempt"] == 0
    keep(stage, "NPM_TOKEN", "now it is")
    stage.ok("POST", f"/api/tasks/{run}/retry")
    stage.settle()
    assert claimed(stage)["secrets"]["NPM_TOKEN"] == "now it is"


def test_secrets_are_listed_by_name_and_forgotten_at_once(stage: Stage):
    keep(stage, "B", "value of b")
    keep(stage, "A", "value of a", REPO)
    keep(stage, "A", "another", REPO)
    listed = stage.ok("GET", "/api/secrets")["secrets"]
    assert [(one["name"], one["scope"]) for one in listed] == [("A", REPO), ("B", "global")]
    assert set(listed[0]) == {"name", "scope", "createdAt", "updatedAt"}

    assert stage.call("DELETE", "/api/secrets/A")[0] == 404
    stage.ok("DELETE", f"/api/secrets/A?scope={REPO}")
    keep(stage, "A", "again", REPO)
    stage.ok("DELETE", "/api/secrets/B")
    assert [one["name"] for one in stage.ok("GET", "/api/secrets")["secrets"]] == ["A"]


@pytest.mark.parametrize(
    "name, body, field",
    [
        ("1A", {"value": "long enough"}, "name"),
        ("PATH", {"value": "long enough"}, "name"),
        ("OPTIO_URL", {"value": "long enough"}, "name"),
        ("GIT_ASKPASS", {"value": "long enough"}, "name"),
        ("A", {"value": "abc"}, "value"),
        ("A", {"value": "zero\0byte"}, "value"),
        ("A", {}, "value"),
        ("A", {"value": "long enough", "scope": "nowhere"}, "scope"),
    ],
)
def test_a_secret_that_could_not_be_one_is_refused(
    stage: Stage, name: str, body: dict[str, Any], field: str
):
    status, answer = stage.call("PUT", f"/api/secrets/{name}", body)
    assert status == 400
    assert [detail["field"] for detail in answer["details"]] == [field]


def test_a_canary_is_found_nowhere_but_with_the_runner_that_claimed(stage: Stage):
    keep(stage, "CANARY", CANARY)
    run = started(stage, secrets=["CANARY"])
    job = claimed(stage)
    assert job["secrets"]["CANARY"] == CANARY
    runner(stage, "beat", {"runId": run, "attempt": 1, "stage": "agent", "lines": [line(1, "x")]})
    runner(stage, "report", {"runId": run, "attempt": 1, "outcome": "failed"})
    stage.settle()

    seen = [str(row.attribute_values) for table in TABLE_RECORDS for row in table.scan()]
    shown = (f"/api/tasks/{run}", f"/api/tasks/{run}/events", f"/api/tasks/{run}/logs")
    seen += [json.dumps(stage.ok("GET", path)) for path in ("/api/secrets", *shown)]
    sqs = boto3.client("sqs", region_name=settings.region)
    seen += [str(sqs.receive_message(QueueUrl=url)) for url in sqs.list_queues()["QueueUrls"]]
    assert len(seen) > 6
    assert not [text for text in seen if CANARY in text]


@pytest.mark.parametrize("value", ["main", "true", "1234567", "Production", "x-1\n y"])
def test_a_value_that_logs_contain_by_chance_is_saved_with_a_warning(stage: Stage, value: str):
    (warning,) = stage.ok("PUT", "/api/secrets/MODE", {"value": value})["warnings"]
    assert warning["field"] == "value"
    assert "masked" in warning["message"]


def test_a_random_value_is_saved_without_a_warning(stage: Stage):
    assert stage.ok("PUT", "/api/secrets/KEY", {"value": "k3y-9fQ2x"})["warnings"] == []
