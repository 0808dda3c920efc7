"""Work that could not be pushed: kept with the run, listed, and used by the next attempt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from chalicelib.domain.runs.kept_work import MAX_KEPT_BYTES
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
BASE, HEAD = "b" * 40, "a" * 40
BUNDLE = {"name": "work.bundle", "size": 6, "contentType": "application/x-git-bundle"}
PATCH = {"name": "work.patch", "size": 5, "contentType": "text/x-diff"}
KEPT = {"baseSha": BASE, "files": [BUNDLE, PATCH]}


@pytest.fixture
def job(stage: Stage) -> dict[str, Any]:
    task = stage.ok("POST", "/api/tasks", BUMP)["task"]["id"]
    stage.ok("POST", f"/api/tasks/{task}/runs")
    stage.settle()
    return claimed(stage)


def put(stage: Stage, job: dict[str, Any], *files: dict[str, Any]) -> None:
    body = {"runId": job["runId"], "attempt": job["attempt"], "files": files}
    status, answer = runner(stage, "outputs", body)
    assert status == 200, answer
    for file, upload in zip(files, answer["uploads"], strict=True):
        headers = {"Content-Type": file["contentType"]}
        content = b"x" * file["size"]
        assert requests.put(upload["url"], content, headers=headers, timeout=5).ok


def fail(stage: Stage, job: dict[str, Any], **more: Any) -> None:
    end = {"outcome": "failed", "errorClass": "push", "errorMessage": "the push was refused"}
    body = {"runId": job["runId"], "attempt": job["attempt"], **end, **more}
    status, answer = runner(stage, "report", body)
    assert status == 200, answer


def shown(stage: Stage, job: dict[str, Any]) -> dict[str, Any]:
    task: dict[str, Any] = stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]
    return task


def act(stage: Stage, job: dict[str, Any], action: str, **body: Any) -> tuple[int, Any]:
    status, answer = stage.call("POST", f"/api/tasks/{job['runId']}/{action}", body)
    stage.settle()
    return status, answer


def test_a_refused_push_leaves_files_that_can_be_read(stage: Stage, job: dict[str, Any]):
    put(stage, job, BUNDLE, PATCH)

    fail(stage, job, keptWork=KEPT)

    task = shown(stage, job)
    assert task["state"] == "failed"
    assert task["outputs"] == [BUNDLE, PATCH]
    kept = {"attempt": 1, "baseSha": BASE, "finished": False, "resumable": True}
    assert task["keptWork"] == kept
    status, headers = stage.led("GET", f"/api/tasks/{job['runId']}/outputs/work.bundle")
    assert status == 302
    assert requests.get(headers["Location"], timeout=5).content == b"x" * 6
    page = Browser(stage).sign_in().get(f"/tasks/{job['runId']}").text
    assert "work.patch" in page
    assert "left work that is not on any branch" in page
    assert 'name="do" value="resume"' in page


def test_a_failed_run_with_kept_work_resumes_from_it(stage: Stage, job: dict[str, Any]):
    put(stage, job, BUNDLE)
    fail(stage, job, keptWork={**KEPT, "files": [BUNDLE], "finished": True})

    status, answer = act(stage, job, "resume", prompt="Leave the secret out")

    assert status == 202, answer
    again = claimed(stage)
    work = again["repo"]["work"]
    assert (work["attempt"], work["baseSha"], work["finished"]) == (1, BASE, False)
    assert requests.get(work["url"], timeout=5).content == b"x" * 6
    assert again["repo"]["continueBranch"] is False
    assert again["prompt"] == "Leave the secret out"


@pytest.mark.parametrize("by", ["itself", "a person"])
def test_a_push_that_alone_is_missing_is_made_up_without_an_agent(
    stage: Stage, job: dict[str, Any], by: str
):
    put(stage, job, BUNDLE)
    kept = {**KEPT, "files": [BUNDLE], "finished": True}
    summed_up = {"keptWork": kept, "resultSummary": "I bumped it."}
    if by == "itself":
        fail(stage, job, **summed_up, errorClass="network", transient=True)
        stage.pass_time(timedelta(minutes=2))
    else:
        fail(stage, job, **summed_up)
        assert act(stage, job, "retry")[0] == 202

    again = claimed(stage)
    assert again["repo"]["work"]["finished"] is True

    end = {"outcome": "succeeded", "branch": again["repo"]["pushBranch"], "headSha": HEAD}
    assert runner(stage, "report", {"runId": job["runId"], "attempt": 2, **end})[0] == 200
    task = shown(stage, job)
    assert (task["keptWork"], task["outputs"]) == (None, [])
    assert "I bumped it." in task["resultSummary"]


def test_a_retry_of_unfinished_work_begins_from_scratch_and_keeps_the_files(
    stage: Stage, job: dict[str, Any]
):
    put(stage, job, BUNDLE)
    fail(stage, job, keptWork={**KEPT, "files": [BUNDLE]}, errorClass="agent")
    assert act(stage, job, "retry")[0] == 202

    again = claimed(stage)

    assert again["repo"]["work"] is None
    fail(stage, again, errorClass="clone")
    assert shown(stage, job)["keptWork"]["attempt"] == 1


def test_partial_work_on_the_branch_makes_a_failed_run_resumable_without_a_pull_request(
    stage: Stage, job: dict[str, Any]
):
    assert job["repo"]["pushPartial"] is True
    pushed = {"branch": job["repo"]["pushBranch"], "headSha": HEAD}
    fail(stage, job, errorClass="timeout", errorMessage="timed out after 60 minutes", **pushed)

    task = shown(stage, job)
    assert (task["state"], task["branch"], task["headSha"]) == ("failed", *pushed.values())
    assert task["prUrl"] is None
    assert act(stage, job, "resume", prompt="go on")[0] == 202
    assert claimed(stage)["repo"]["continueBranch"] is True


def test_only_a_patch_cannot_be_resumed(stage: Stage, job: dict[str, Any]):
    put(stage, job, PATCH)
    fail(stage, job, keptWork={**KEPT, "files": [PATCH]}, errorClass="secret")

    status, answer = act(stage, job, "resume", prompt="go on")

    assert status == 409
    assert "kept work" in answer["error"]
    assert shown(stage, job)["keptWork"]["resumable"] is False


@pytest.mark.parametrize(
    "files, field",
    [
        pytest.param([{**BUNDLE, "name": "other"}], "keptWork.files.0.name", id="name"),
        pytest.param([BUNDLE, BUNDLE], "keptWork.files.1.name", id="twice"),
        pytest.param([], "keptWork.files", id="none"),
        pytest.param([{**BUNDLE, "size": MAX_KEPT_BYTES + 1}], "keptWork.files", id="size"),
    ],
)
def test_kept_work_that_cannot_be_is_refused_by_its_field(
    stage: Stage, job: dict[str, Any], files: list[Any], field: str
):
    end = {"outcome": "failed", "keptWork": {**KEPT, "files": files}}

    status, answer = runner(stage, "report", {"runId": job["runId"], "attempt": 1, **end})

    assert status == 400
    assert [fault["field"] for fault in answer["details"]] == [field]


def test_an_agent_cannot_forge_kept_work(stage: Stage, job: dict[str, Any]):
    end = {"outcome": "failed", "outputs": [BUNDLE]}

    status, answer = runner(stage, "report", {"runId": job["runId"], "attempt": 1, **end})

    assert status == 400
    assert "reserved" in str(answer["details"])


def test_kept_work_may_be_bigger_than_the_files_of_an_agent_together(
    stage: Stage, job: dict[str, Any]
):
    big = {**BUNDLE, "size": MAX_KEPT_BYTES}
    files = [big, {"name": "a.md", "size": 10 * 2**20, "contentType": "text/plain"}]

    status, _ = runner(stage, "outputs", {"runId": job["runId"], "attempt": 1, "files": files})

    assert status == 200
