"""Files that an agent leaves: put into the bucket by the runner, found by who reads the run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from chalicelib import wiring
from chalicelib.domain.runs.output import RunOutput
from chalicelib.storage.s3.outputs import S3Outputs
from tests.conftest import Stage
from tests.support.browser import Browser
from tests.support.runner_calls import claimed, runner

LOOK = {"type": "standalone", "name": "Look", "prompt": "Look.", "agentType": "command"}
FILES = [
    {"name": "report.html", "size": 5, "contentType": "text/html"},
    {"name": "what? ünder%2f.txt", "size": 2, "contentType": "text/plain"},
]


@pytest.fixture
def job(stage: Stage) -> dict[str, Any]:
    task = stage.ok("POST", "/api/tasks", {**LOOK, "agentCommand": "true"})["task"]["id"]
    stage.ok("POST", f"/api/tasks/{task}/runs")
    stage.settle()
    return claimed(stage)


def put(stage: Stage, here: dict[str, Any]) -> None:
    status, answer = runner(stage, "outputs", {**here, "files": FILES})
    assert status == 200, answer
    for file, upload in zip(FILES, answer["uploads"], strict=True):
        kind = {"Content-Type": str(file["contentType"])}
        content = b"x" * int(str(file["size"]))
        assert requests.put(upload["url"], content, headers=kind, timeout=5).status_code == 200


def test_what_a_runner_puts_away_is_listed_and_can_be_read(stage: Stage, job: dict[str, Any]):
    here = {"runId": job["runId"], "attempt": job["attempt"]}
    put(stage, here)
    assert stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]["outputs"] == []

    assert runner(stage, "report", {**here, "outcome": "succeeded", "outputs": FILES})[0] == 200

    assert stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]["outputs"] == FILES
    page = Browser(stage).sign_in()
    assert "report.html" in page.get(f"/tasks/{job['runId']}").text
    for file in FILES:
        name = quote(str(file["name"]), safe="")
        status, headers = stage.led("GET", f"/api/tasks/{job['runId']}/outputs/{name}")
        assert status == 302
        linked = f"../tasks/{job['runId']}/outputs/{name}"
        assert f'href="{linked}"' in page.get(f"/tasks/{job['runId']}").text
        assert page.get(linked.removeprefix("..")).status == 302
        found = requests.get(headers["Location"], timeout=5)
        assert found.content == b"x" * int(str(file["size"]))
        assert found.headers["Content-Disposition"].startswith("attachment")


def test_a_row_lists_the_newest_files_alone_however_often_a_run_is_tried(
    stage: Stage, job: dict[str, Any]
):
    here = {"runId": job["runId"], "attempt": job["attempt"]}
    again = {"outcome": "failed", "errorClass": "network", "transient": True}
    assert runner(stage, "report", {**here, **again, "outputs": FILES})[0] == 200
    stage.pass_time(timedelta(minutes=3))
    here = {**here, "attempt": claimed(stage)["attempt"]}

    assert runner(stage, "report", {**here, "outcome": "succeeded", "outputs": FILES[:1]})[0] == 200

    tries = wiring.get_world().runs.get(job["runId"]).attempts
    assert [len(one.outputs) for one in tries] == [0, 1]
    assert stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]["outputs"] == FILES[:1]


def test_an_address_is_signed_for_its_size_and_type_and_is_good_for_minutes(
    stage: Stage, job: dict[str, Any]
):
    asked = {"runId": job["runId"], "attempt": 1, "files": FILES}

    (first, _) = runner(stage, "outputs", asked)[1]["uploads"]

    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in first["url"]
    assert "X-Amz-Expires=900" in first["url"]


def test_an_address_is_that_of_the_bucket_in_its_own_region(aws: None):
    outputs = S3Outputs("blobs", "eu-central-1")
    file = RunOutput(name="report.md", size=3)
    for address in (outputs.upload_url("r", 1, file), outputs.download_url("r", 1, file)):
        assert address.startswith("https://blobs.s3.eu-central-1.amazonaws.com/outputs/r/1/")


def test_a_name_that_no_file_has_is_not_found(stage: Stage, job: dict[str, Any]):
    for name in ("report.html", "..", "%2e%2e%2fx"):
        assert stage.call("GET", f"/api/tasks/{job['runId']}/outputs/{name}")[0] == 404


@pytest.mark.parametrize(
    "file, words",
    [
        ({"name": "..", "size": 1}, "not a plain file name"),
        ({"name": "a/b", "size": 1}, "not a plain file name"),
        ({"name": "a\nb", "size": 1}, "unprintable characters"),
        ({"name": "n" * 201, "size": 1}, "longer than 200 bytes"),
        ({"name": "big", "size": 10 * 1024 * 1024 + 1}, "together may have at most 10485760 bytes"),
        ({"name": "x", "size": -1}, "at least 0"),
        (
            {"name": "x", "size": 1, "contentType": "text/html\nSet-Cookie: x"},
            "has an invalid format",
        ),
    ],
)
def test_files_that_must_not_be_are_refused_by_their_field(
    stage: Stage, job: dict[str, Any], file: dict[str, Any], words: str
):
    here = {"runId": job["runId"], "attempt": 1}
    for path, body in (
        ("outputs", {**here, "files": [file]}),
        ("report", {**here, "outcome": "succeeded", "outputs": [file]}),
    ):
        status, answer = runner(stage, path, body)
        assert status == 400
        assert words in answer["details"][0]["message"]
        assert answer["details"][0]["field"].startswith(("files", "outputs"))


def test_one_file_too_many_or_twice_is_refused(stage: Stage, job: dict[str, Any]):
    here = {"runId": job["runId"], "attempt": 1}
    many = [{"name": str(number), "size": 0} for number in range(101)]

    for files in (many, [{"name": "a", "size": 0}] * 2):
        assert runner(stage, "outputs", {**here, "files": files})[0] == 400


def test_only_the_working_attempt_may_put_files(stage: Stage, job: dict[str, Any]):
    here = {"runId": job["runId"], "attempt": 2, "files": FILES}
    assert runner(stage, "outputs", here)[0] == 409
    stage.ok("POST", f"/api/tasks/{job['runId']}/cancel")

    assert runner(stage, "outputs", {**here, "attempt": 1})[0] == 409
    ended = {"runId": job["runId"], "attempt": 1, "outcome": "succeeded", "outputs": FILES}
    assert runner(stage, "report", ended)[0] == 409
    assert stage.ok("GET", f"/api/tasks/{job['runId']}")["task"]["outputs"] == []


def test_a_user_has_no_business_at_the_runners_door(stage: Stage, job: dict[str, Any]):
    body = {"runId": job["runId"], "attempt": 1, "files": []}

    assert stage.call("POST", "/api/runner/outputs", body, token="optio_pat_none")[0] == 401
