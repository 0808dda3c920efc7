"""Canaries go through a whole run with a real runner, and are found in nothing that is kept."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from chalicelib.web.mapping import job_views
from tests.conftest import Stage
from tests.support.fake_runner_api import PYTHON, origin, tmp
from tests.support.http_stage import Served, served

__all__ = ["origin", "tmp"]

CANARY = 'canary/7f "quoted"+é&end'
GIT_TOKEN = "ghp_canary4of4the4git4token"
MADE = "made-by-the-agent"

SPILL = r"""
import base64, json, os, sys, time, urllib.parse
for value in (os.environ["CANARY"], sys.argv[1][::-1]):
    print(value)
    for text in (value, "user:" + value):
        print(base64.b64encode(text.encode()).decode())
    print(urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value))
    print(json.dumps({"value": value}), json.dumps(value, ensure_ascii=False))
    print(value.encode().hex())
    for stream in (sys.stdout, sys.stderr):
        half = len(value) // 2
        stream.write(value[:half]); stream.flush(); time.sleep(0.2)
        stream.write(value[half:] + "\n"); stream.flush()
"""

FORMS = {
    form
    for value in (CANARY, GIT_TOKEN)
    for form in (
        value,
        base64.b64encode(value.encode()).decode(),
        base64.b64encode(b"user:" + value.encode()).decode()[8:-4],
        quote(value, safe=""),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        value.encode().hex(),
        value[: len(value) // 2] if value == GIT_TOKEN else value,
    )
}


@pytest.fixture
def tokened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each claim bring a git token."""
    real = job_views.job_view

    def with_token(job: Any, token: str | None = None) -> Any:
        body: Any = real(job, token)
        body["repo"] = {**body["repo"], "token": GIT_TOKEN}
        return body

    monkeypatch.setattr(job_views, "job_view", with_token)


def kept(stage: Stage, run: str) -> Iterator[str]:
    """Yield all that the stage keeps or shows, but for the secrets' own place."""
    for table in TABLE_RECORDS:
        for row in table.scan():
            yield repr(row.attribute_values)
    shown = (f"/api/tasks/{run}", f"/api/tasks/{run}/events", f"/api/tasks/{run}/logs")
    for path in ("/api/secrets", "/api/tasks", "/api/repos", *shown):
        yield json.dumps(stage.ok("GET", path), ensure_ascii=False)
    sqs = boto3.client("sqs", region_name=settings.region)
    for url in sqs.list_queues()["QueueUrls"]:
        yield repr(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"))
    logs = boto3.client("logs", region_name=settings.region)
    for event in logs.filter_log_events(logGroupName=settings.log_group)["events"]:
        yield event["message"]
    s3 = boto3.client("s3", region_name=settings.region)
    for found in s3.list_objects_v2(Bucket=settings.bucket).get("Contents", ()):
        body = s3.get_object(Bucket=settings.bucket, Key=found["Key"])["Body"].read()
        yield found["Key"] + " " + body.decode("utf-8", "replace")


def over(server: Served, run: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while True:
        with server.lock:
            server.stage.settle()
            found: dict[str, Any] = server.stage.ok("GET", f"/api/tasks/{run}")["task"]
        if found["state"] in ("completed", "failed") or (found["retryCount"] or 0) > 0:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.2)


@pytest.mark.parametrize(
    "setup, command, state",
    [
        pytest.param(
            "{spill}",
            f"{{spill}} 2>&1 | tee $OPTIO_OUTPUT/told.txt; echo {MADE} > x",
            "completed",
            id="a good run",
        ),
        pytest.param("{spill}; exit 3", "true", "failed", id="setup fails"),
        pytest.param("true", "{spill}; exit 1", "failed", id="the agent fails"),
        pytest.param("true", "{spill}; sleep 60", None, id="the runner is stopped"),
    ],
)
@pytest.mark.usefixtures("tokened")
def test_no_canary_is_found_in_what_is_kept_or_shown(
    stage: Stage,
    tmp: Path,
    origin: Path,
    capsys: pytest.CaptureFixture[str],
    setup: str,
    command: str,
    state: str | None,
):
    (tmp / "spill.py").write_text(SPILL)
    spill = f"{PYTHON} {tmp}/spill.py {GIT_TOKEN[::-1]}"
    stage.ok("PUT", "/api/secrets/CANARY", {"value": CANARY})
    repo = {"repoUrl": f"file://{origin}", "setupCommands": setup.format(spill=spill)}
    stage.ok("POST", "/api/repos", {**repo, "secrets": ["CANARY"]})
    blueprint = {
        "type": "repo-blueprint",
        "name": "Canary",
        "prompt": "Sing.",
        "repoUrl": f"file://{origin}",
        "agentType": "command",
        "agentCommand": command.format(spill=spill),
    }
    task = stage.ok("POST", "/api/tasks", blueprint)["task"]["id"]
    run = stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
    stage.settle()

    with served(stage) as server:
        runner = server.runner(tmp)
        if state is None:
            wait_for_lines(server, run)
            for _ in range(2):
                runner.terminate()
                time.sleep(0.5)
        end = over(server, run)
        runner.terminate()
        assert runner.wait(timeout=30) == 0
        stage.pass_time(timedelta(minutes=1))

    logged = capsys.readouterr().out
    assert "run moved" in logged
    everything = [*kept(stage, run), (tmp / "runner.log").read_text(), logged]
    everything += [said.decode() for said in server.said]
    assert state in (end["state"], None), end
    assert any("***" in text for text in everything)
    found = [(form, text[:300]) for text in everything for form in FORMS if form in text]
    assert found == []
    left = [text for text in everything if text.startswith(f"outputs/{run}/1/told.txt ")]
    assert len(left) == (state == "completed")


def wait_for_lines(server: Served, run: str) -> None:
    end = time.monotonic() + 40
    while True:
        with server.lock:
            lines = server.stage.ok("GET", f"/api/tasks/{run}/logs")["logs"]
        if sum("***" in line["content"] for line in lines) > 4:
            return
        assert time.monotonic() < end
        time.sleep(0.3)
