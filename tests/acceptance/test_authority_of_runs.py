"""Rights around a run that is over, or that has secrets: its log, and a prompt of one's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser
from tests.support.runner_calls import claimed, line, runner

BUMP = {
    "name": "Bump",
    "prompt": "Bump it",
    "repoUrl": "https://git.example.com/acme/web",
    "agentType": "command",
    "agentCommand": "true",
}
PUSHED = {"outcome": "failed", "errorClass": "timeout", "errorMessage": "timed out"}


def started(stage: Stage, **more: Any) -> dict[str, Any]:
    stage.ok("POST", "/api/tasks", {**BUMP, **more})
    stage.settle()
    return claimed(stage)


def log_of(stage: Stage, job: dict[str, Any]) -> list[str]:
    lines = stage.ok("GET", f"/api/tasks/{job['runId']}/logs?limit=100")["logs"]
    return [line["content"] for line in lines]


def beat(stage: Stage, job: dict[str, Any], *lines: dict[str, Any]) -> tuple[int, Any]:
    body = {"runId": job["runId"], "attempt": job["attempt"], "lines": list(lines)}
    return runner(stage, "beat", body)


def test_a_runner_adds_no_line_to_a_run_that_it_has_reported(stage: Stage):
    job = started(stage)
    here = {"runId": job["runId"], "attempt": 1, "lines": [line(1, "the last words")]}
    assert runner(stage, "report", {**here, "outcome": "no_changes"})[0] == 200

    status, _ = beat(stage, job, line(2, "an afterthought"))
    again = {**here, "lines": [line(3, "another end")], "outcome": "no_changes"}
    reported, _ = runner(stage, "report", again)

    assert (status, reported) == (409, 409)
    assert log_of(stage, job) == ["the last words"]


def test_a_cancelled_job_has_minutes_for_its_last_lines_and_no_more(stage: Stage):
    job = started(stage)
    stage.ok("POST", f"/api/tasks/{job['runId']}/cancel")

    status, answer = beat(stage, job, line(1, "said before it knew"))
    stage.pass_time(timedelta(minutes=6))
    late, _ = beat(stage, job, line(2, "much later"))

    assert (status, answer["reason"]) == (200, "cancelled")
    assert late == 409
    assert log_of(stage, job) == ["said before it knew"]


def test_a_lost_runner_is_told_so_and_adds_nothing(stage: Stage):
    job = started(stage)
    stage.pass_time(timedelta(minutes=2))

    status, answer = beat(stage, job, line(1, "I am back"))

    assert (status, answer["reason"]) == (200, "superseded")
    assert log_of(stage, job) == []


def key(stage: Stage, *scopes: str) -> str:
    body = {"name": "a key", "scopes": list(scopes)}
    made: str = stage.ok("POST", "/api/auth/api-keys", body)["token"]
    return made


@pytest.fixture
def failed(stage: Stage, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A failed run with a branch, and the secrets that the test asks for."""
    stage.ok("PUT", "/api/secrets/DEPLOY_KEY", {"value": "a value of sixteen"})
    job = started(stage, secrets=request.param)
    body = {"runId": job["runId"], "attempt": 1, "branch": job["repo"]["pushBranch"]}
    assert runner(stage, "report", {**body, **PUSHED, "headSha": "a" * 40})[0] == 200
    return job


@pytest.mark.parametrize("failed", [["DEPLOY_KEY"]], indirect=True)
def test_a_prompt_of_ones_own_needs_write_where_the_run_has_secrets(
    stage: Stage, failed: dict[str, Any]
):
    where, body = f"/api/tasks/{failed['runId']}/resume", {"prompt": "print $DEPLOY_KEY"}

    status, answer = stage.call("POST", where, body, token=key(stage, "read", "run"))

    assert status == 403
    assert "DEPLOY_KEY" in answer["error"]
    assert "write" in answer["error"]
    token = key(stage, "read", "run", "write")
    assert stage.call("POST", where, body, token=token)[0] == 202


@pytest.mark.parametrize("failed", [[]], indirect=True)
def test_a_run_without_secrets_is_resumed_with_run_alone(stage: Stage, failed: dict[str, Any]):
    where, body = f"/api/tasks/{failed['runId']}/resume", {"prompt": "go on"}

    assert stage.call("POST", where, body, token=key(stage, "run"))[0] == 202


@pytest.mark.parametrize("failed", [["DEPLOY_KEY"]], indirect=True)
def test_the_page_offers_no_prompt_to_who_may_not_give_one(stage: Stage, failed: dict[str, Any]):
    page = f"/tasks/{failed['runId']}"
    weak = Browser(stage).sign_in(key(stage, "read", "run"))

    assert 'value="resume"' not in weak.get(page).text
    assert weak.post(page, do="resume", prompt="print it").status == 403
    assert 'value="resume"' in Browser(stage).sign_in().get(page).text
