"""Open pull requests, an unmoved branch and a blueprint's own echo hold back its firings."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.runs.run_keys import branch_key
from tests.conftest import Stage
from tests.fakes.github import FakeGitHub
from tests.support.pull_request_stage import github as github
from tests.support.pull_request_stage import pushed, runner, shown

pytestmark = pytest.mark.usefixtures("loopback")

SECRET = "a secret of sixteen"


def made(stage: Stage, github: FakeGitHub, **more: object) -> dict[str, Any]:
    trigger = {"type": "webhook", "config": {"path": "go", "secret": SECRET, "signature": "token"}}
    body = {
        "type": "repo-blueprint",
        "name": "Nightly",
        "prompt": "Bump",
        "repoUrl": github.repo_url,
        "agentType": "command",
        "agentCommand": "true",
        "triggers": [trigger],
        **more,
    }
    task: dict[str, Any] = stage.ok("POST", "/api/tasks", body)["task"]
    return task


def deliver(stage: Stage, payload: dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(payload).encode()
    status, answer = stage.call("POST", "/api/hooks/go", raw, token="", **{"X-Optio-Token": SECRET})
    assert status in (200, 202), answer
    stage.settle()
    found: dict[str, Any] = answer
    return found


def with_open_pr(stage: Stage, github: FakeGitHub, **more: object) -> str:
    made(stage, github, **more)
    run = deliver(stage, {"n": 1})["taskId"]
    pushed(stage, github)
    stage.settle()
    assert shown(stage, run)["state"] == "pr_opened"
    return str(run)


def test_nothing_is_fired_while_a_pull_request_is_open_and_it_is_again_after(
    stage: Stage, github: FakeGitHub
):
    run = with_open_pr(stage, github, onOpenPr="skip")
    task = shown(stage, run)["metadata"]["taskConfigId"]

    assert deliver(stage, {"n": 2})["skipped"] == "open_pr"
    (verdict,) = [
        one
        for one in stage.ok("POST", f"/api/tasks/{task}/preview", {})["verdicts"]
        if one["policy"] == "onOpenPr"
    ]
    assert (verdict["fires"], "1 open" in verdict["message"]) == (False, True)
    (trigger,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    where = f"/api/tasks/{task}/triggers/{trigger['id']}/explain?at=2026-05-04T12:00:00Z"
    stage.now += timedelta(seconds=1)
    assert deliver(stage, {"n": 3})["skipped"] == "open_pr"
    assert stage.ok("GET", where)["answer"]

    github.close(shown(stage, run)["prNumber"], merged=True)
    stage.pass_time(timedelta(minutes=1))
    assert "taskId" in deliver(stage, {"n": 4})


def test_there_are_never_more_open_pull_requests_than_allowed(stage: Stage, github: FakeGitHub):
    with_open_pr(stage, github, maxOpenPrs=2)
    assert "taskId" in deliver(stage, {"n": 2})
    pushed(stage, github, "d" * 40)
    stage.settle()

    assert deliver(stage, {"n": 3})["skipped"] == "open_pr"


def test_the_next_run_works_on_the_open_pull_request(stage: Stage, github: FakeGitHub):
    first = with_open_pr(stage, github, onOpenPr="update")
    task = shown(stage, first)

    second = deliver(stage, {"n": 2})["taskId"]
    job = pushed(stage, github, "d" * 40)
    stage.settle()

    assert (job["repo"]["pushBranch"], job["repo"]["continueBranch"]) == (task["branch"], True)
    new = shown(stage, second)
    assert (new["state"], new["prNumber"]) == ("pr_opened", task["prNumber"])
    assert len(github.pulls) == 1
    assert shown(stage, first)["state"] == "completed"
    held = wiring.get_world().run_sets.held_runs(branch_key(task["repoUrl"], task["branch"]))
    assert held == {second}, "a branch holds no run that is over, or its row would grow for ever"
    third = deliver(stage, {"n": 3})["taskId"]
    assert deliver(stage, {"n": 4})["taskId"] != third


@pytest.mark.parametrize("kind", ["push", "pull request", "comment"])
def test_what_a_run_causes_does_not_fire_its_own_definition(
    stage: Stage, github: FakeGitHub, kind: str
):
    made(stage, github)
    run = deliver(stage, {"n": 1})["taskId"]
    job = runner(stage, "claim", {"runner": "r1"})[1]["job"]
    branch = job["repo"]["pushBranch"]
    echo: dict[str, Any] = {
        "push": {"ref": f"refs/heads/{branch}"},
        "pull request": {"pull_request": {"head": {"ref": branch}}},
        "comment": {"comment": {"body": f"Begun.\n<!-- optio:task/{run} -->"}},
    }[kind]

    assert deliver(stage, echo)["skipped"] == "loop"
    assert "taskId" in deliver(stage, {"ref": "refs/heads/optio/task-00000000"})


def test_nothing_is_fired_while_the_branch_has_not_moved(stage: Stage, github: FakeGitHub):
    hourly = {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}}
    task = made(stage, github, skipIfUnchanged=True, repoBranch="main", triggers=[hourly])["id"]
    stage.pass_time(timedelta(minutes=5))
    job = runner(stage, "claim", {"runner": "r1"})[1]["job"]
    end = {"runId": job["runId"], "attempt": 1, "outcome": "no_changes", "baseSha": "b" * 40}
    assert runner(stage, "report", end)[0] == 200

    stage.pass_time(timedelta(minutes=5))
    github.push("main", "e" * 40)
    stage.pass_time(timedelta(minutes=5))

    firings = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert [(one["outcome"], one["reason"]) for one in firings] == [
        ("fired", None),
        ("skipped", "unchanged"),
        ("fired", None),
    ]
