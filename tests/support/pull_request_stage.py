"""A stage whose runs open pull requests at a fake GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.pull_requests.forge import WEBHOOK_SECRET_NAMES
from chalicelib.settings import settings
from tests.conftest import RUNNER_TOKEN, Stage
from tests.fakes.github import TOKEN, FakeGitHub

SIGNED_WITH = "a secret of the hook"


@pytest.fixture
def github(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    monkeypatch.setitem(vars(settings), "allowed_private", ("127.0.0.1",))
    with FakeGitHub() as fake:
        stage.ok("PUT", "/api/secrets/GITHUB_TOKEN", {"value": TOKEN})
        stage.ok("PUT", f"/api/secrets/{WEBHOOK_SECRET_NAMES['github']}", {"value": SIGNED_WITH})
        repo = {"repoUrl": fake.repo_url, "forgeApiUrl": f"{fake.url}/api/v3"}
        stage.ok("POST", "/api/repos", repo)
        yield fake


def change_repo(stage: Stage, **fields: object) -> None:
    (repo,) = stage.ok("GET", "/api/repos")["repos"]
    stage.ok("PATCH", f"/api/repos/{repo['id']}", fields)


def started(stage: Stage, github: FakeGitHub, **more: object) -> str:
    body = {
        "type": "repo-blueprint",
        "name": "Bump",
        "prompt": "Bump it, see #7 @ann",
        "repoUrl": github.repo_url,
        "repoBranch": "main",
        "agentType": "command",
        "agentCommand": "true",
        **more,
    }
    task = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    run = stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
    stage.settle()
    return str(run)


def runner(stage: Stage, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return stage.call("POST", f"/api/runner/{path}", body, token=RUNNER_TOKEN)


def pushed(stage: Stage, github: FakeGitHub, sha: str = "a" * 40, **more: Any) -> dict[str, Any]:
    """Let a runner claim, push and report; return the job that it was given."""
    status, answer = runner(stage, "claim", {"runner": "r1"})
    assert status == 200, answer
    job: dict[str, Any] = answer["job"]
    github.push(job["repo"]["pushBranch"], sha)
    end = {
        "runId": job["runId"],
        "attempt": job["attempt"],
        "outcome": "succeeded",
        "branch": job["repo"]["pushBranch"],
        "headSha": sha,
        "resultSummary": "Bumped.",
        "agent": {"costUsd": 0.25},
        **more,
    }
    assert runner(stage, "report", end)[0] == 200
    return job


def shown(stage: Stage, run: str) -> dict[str, Any]:
    task: dict[str, Any] = stage.ok("GET", f"/api/tasks/{run}")["task"]
    return task


def opened(stage: Stage, github: FakeGitHub, **more: object) -> str:
    run = started(stage, github, **more)
    pushed(stage, github)
    stage.settle()
    assert shown(stage, run)["state"] == "pr_opened"
    return run


def later(stage: Stage, seconds: int = 60) -> None:
    stage.pass_time(timedelta(seconds=seconds))
