"""A blueprint may take its repo from the ticket that fires it, if that repo is configured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Stage
from tests.fakes.trackers import CREDENTIAL, FAKES, FakeTracker, serving

pytestmark = pytest.mark.usefixtures("loopback")

MINUTE = timedelta(minutes=1)
BODY = {
    "type": "repo-blueprint",
    "name": "Fix",
    "prompt": "Fix {{title}} in {{repo.url}}",
    "repoUrl": "{{ repo }}",
    "agentType": "command",
    "agentCommand": "true",
}


@pytest.fixture
def github(stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES["github"](lambda: stage.now)) as fake:
        body = {"source": "github", "config": fake.config, "credential": CREDENTIAL}
        stage.ok("POST", "/api/tickets/providers", body)
        stage.settle()
        stage.pass_time(MINUTE)
        yield fake


def waiting(stage: Stage, **more: Any) -> dict[str, Any]:
    trigger = {"type": "ticket", "config": {"source": "github", "labels": ["agent"]}}
    made: dict[str, Any] = stage.ok("POST", "/api/tasks", {**BODY, "triggers": [trigger], **more})
    stage.pass_time(MINUTE)
    return made


def ledger(stage: Stage, made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.ok("GET", f"/api/tasks/{made['task']['id']}/firings")[
        "firings"
    ]
    return found


def test_the_repo_of_the_ticket_is_the_repo_of_the_task(stage: Stage, github: FakeTracker):
    stage.ok("POST", "/api/repos", {"repoUrl": "git@github.com:Acme/Web.git"})
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web", "defaultBranch": "trunk"})
    made = waiting(stage)
    assert made["task"]["repoUrl"] == "{{repo}}"

    github.add("agent")
    stage.pass_time(MINUTE)

    (run,) = stage.ok("GET", f"/api/tasks/{made['task']['id']}/runs")["runs"]
    whole = stage.ok("GET", f"/api/tasks/{run['id']}")["task"]
    assert whole["repoUrl"] == "https://github.com/acme/web"
    assert whole["prompt"] == "Fix Ticket 1 in https://github.com/acme/web"


def test_a_repo_that_is_not_configured_fires_nothing_and_says_so(stage: Stage, github: FakeTracker):
    made = waiting(stage)
    item = github.add("agent")
    stage.pass_time(MINUTE)
    (record,) = ledger(stage, made)
    assert record["outcome"] == "failed"
    assert "repository 'https://github.com/acme/web' is not configured" in record["reason"]

    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})
    github.label(item, "agent", "now")
    stage.pass_time(MINUTE)
    assert [one["outcome"] for one in ledger(stage, made)] == ["fired", "failed"]


@pytest.mark.parametrize(
    "params, told",
    [
        ({}, "the params must name a repo"),
        ({"repo": "  "}, "the params must name a repo"),
        ({"repo": 7}, "the params must name a repo"),
        ({"repo": "not a repo"}, "not a repository"),
        ({"repo": "https://user:word@github.com/acme/web"}, "must not carry a credential"),
        ({"repo": "file:///etc"}, "is not configured"),
        ({"repo": "acme/other"}, "is not configured"),
    ],
)
def test_what_names_no_configured_repo_is_refused_by_its_field(
    stage: Stage, params: dict[str, Any], told: str
):
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})
    task = stage.ok("POST", "/api/tasks", BODY)["task"]["id"]

    status, answer = stage.call("POST", f"/api/tasks/{task}/runs", {"params": params})

    assert status == 400, answer
    assert answer["details"][0]["field"] == "params.repo"
    assert told in answer["error"]
    shown = stage.ok("POST", f"/api/tasks/{task}/preview", {"params": params})
    (verdict,) = [one for one in shown["verdicts"] if one["policy"] == "repoUrl"]
    assert not verdict["fires"]
    assert told in verdict["message"]


@pytest.mark.parametrize(
    "name", ["acme/web", "git@github.com:acme/web.git", "https://GitHub.com/Acme/web.git/"]
)
def test_every_way_to_write_a_repo_means_the_one_that_is_configured(stage: Stage, name: str):
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})
    stage.ok("POST", "/api/repos", {"repoUrl": "git@github.com:acme/web.git"})
    task = stage.ok("POST", "/api/tasks", BODY)["task"]["id"]

    run = stage.ok("POST", f"/api/tasks/{task}/runs", {"params": {"repo": name}})["runId"]

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]["repoUrl"]
    assert shown.endswith("github.com/acme/web")


def test_a_short_name_means_a_repo_on_the_host_of_its_ticket(stage: Stage):
    stage.ok("POST", "/api/repos", {"repoUrl": "https://ghe.example.com/acme/web"})
    task = stage.ok("POST", "/api/tasks", BODY)["task"]["id"]
    params = {
        "source": "github",
        "repo": "acme/web",
        "url": "https://ghe.example.com/acme/web/issues/1",
    }

    run = stage.ok("POST", f"/api/tasks/{task}/runs", {"params": params})["runId"]

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert shown["repoUrl"] == "https://ghe.example.com/acme/web"


def test_a_task_by_hand_alone_and_a_repo_itself_need_a_url(stage: Stage):
    status, answer = stage.call("POST", "/api/tasks", {**BODY, "type": "repo-task"})
    assert (status, answer["details"][0]["field"]) == (400, "repoUrl")
    status, answer = stage.call("POST", "/api/repos", {"repoUrl": "{{repo}}"})
    assert (status, answer["details"][0]["field"]) == (400, "repoUrl")
