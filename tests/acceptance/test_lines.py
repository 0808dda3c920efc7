"""Log lines of the functions: an occurrence can be followed by its ids, without private data."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib import wiring
from chalicelib.settings import settings
from tests.conftest import Stage
from tests.fakes.github import TOKEN, FakeGitHub
from tests.support.pull_request_stage import github, pushed, runner, shown

pytestmark = pytest.mark.usefixtures("loopback")

__all__ = ["github"]

SECRET = "a secret of the sender"
PRIVATE = ("payload-canary-1", "prompt-canary-2", "secret-canary-3", TOKEN, SECRET)


def delivered(stage: Stage, github: FakeGitHub) -> dict[str, str]:
    """Let a webhook fire a run, and return what its sender was answered."""
    stage.ok("PUT", "/api/secrets/NPM_TOKEN", {"value": "secret-canary-3"})
    config = {"path": "alerts", "secret": SECRET}
    body = {
        "type": "repo-blueprint",
        "name": "Fix",
        "title": "Fix {{title}}",
        "prompt": "prompt-canary-2 {{title}}",
        "repoUrl": github.repo_url,
        "agentType": "command",
        "agentCommand": "true",
        "secrets": ["NPM_TOKEN"],
        "triggers": [{"type": "webhook", "config": config}],
    }
    stage.ok("POST", "/api/tasks", body)
    sent = b'{"title": "payload-canary-1"}'
    signature = hmac.new(SECRET.encode(), sent, hashlib.sha256).hexdigest()
    named = {"X-Optio-Signature": signature, "X-Optio-Delivery": "delivery-7"}
    answer: dict[str, str] = stage.ok("POST", "/api/hooks/alerts", sent, **named)
    return answer


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was logged since the last look; every line is one JSON document."""
    said = capsys.readouterr().out
    assert [one for one in PRIVATE if one in said] == []
    found = [json.loads(line) for line in said.splitlines()]
    return [line for line in found if "_aws" not in line]


def test_a_delivery_is_followed_to_its_pull_request_by_its_ids(
    stage: Stage, github: FakeGitHub, capsys: pytest.CaptureFixture[str]
):
    lines(capsys)
    answer = delivered(stage, github)
    run, firing = answer["taskId"], answer["firingId"]
    (decided,) = [line for line in lines(capsys) if line["message"] == "occurrence decided"]
    assert decided["route"] == "POST /api/hooks/{path}"
    assert decided["correlation_id"]
    assert {name: decided[name] for name in ("occurrence", "outcome", "firing", "run")} == {
        "occurrence": "delivery-7",
        "outcome": "fired",
        "firing": firing,
        "run": run,
    }

    stage.settle()
    (admitted,) = lines(capsys)
    assert (admitted["to_state"], admitted["step"]) == ("provisioning", "run")
    assert admitted["correlation_id"] == decided["correlation_id"]
    pushed(stage, github)
    stage.settle()
    *_, opened = rest = lines(capsys)
    assert shown(stage, run)["state"] == "pr_opened"
    assert opened["to_state"] == "pr_opened"
    assert opened["pull_request"] == f"{github.repo_url}/pull/1"
    assert [line["message"] for line in rest] == ["run moved", "attempt ended", "run moved"]
    ended = rest[1]
    assert (ended["outcome"], ended["cost_usd"], ended["agent"]) == ("succeeded", 0.25, "command")
    assert opened["correlation_id"] == ended["correlation_id"] != admitted["correlation_id"]
    for line in (admitted, *rest):
        assert (line["firing"], line["run"], line["stage"]) == (firing, run, "test")


def test_a_step_that_fails_says_whose_it_was_and_nothing_private(
    stage: Stage,
    github: FakeGitHub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    run = delivered(stage, github)["taskId"]
    lines(capsys)
    monkeypatch.setattr(wiring.Wiring, "slots", property(lambda self: 1 / 0))
    stage.settle()
    (failed,) = lines(capsys)
    assert (failed["level"], failed["run"]) == ("ERROR", run)
    assert failed["exception_name"] == "ZeroDivisionError"
    assert "run_due.py" in failed["exception"]


def test_each_message_names_what_caused_it(stage: Stage, github: FakeGitHub):
    delivered(stage, github)
    sqs = boto3.client("sqs", region_name=settings.region)
    url = sqs.get_queue_url(QueueName=settings.queue_name("steps"))["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["correlationId"]


def test_what_happens_to_runs_is_counted(
    stage: Stage, github: FakeGitHub, capsys: pytest.CaptureFixture[str]
):
    delivered(stage, github)
    stage.settle()
    _, answer = runner(stage, "claim", {"runner": "r1"})
    job = answer["job"]
    end = {
        "runId": job["runId"],
        "attempt": 1,
        "outcome": "failed",
        "errorClass": "overloaded",
        "errorMessage": "busy",
        "transient": True,
        "agent": {"costUsd": 0.5},
    }
    assert runner(stage, "report", end)[0] == 200
    assert runner(stage, "report", end)[0] == 409
    said = capsys.readouterr().out
    events = [json.loads(line) for line in said.splitlines() if '"_aws"' in line]
    assert [e["state"] for e in events if "Runs" in e] == ["provisioning", "running", "queued"]
    assert [e["outcome"] for e in events if "Firings" in e] == ["fired"]
    assert [e["errorClass"] for e in events if "AgentErrors" in e] == ["overloaded"]
    assert [e["CostUsd"] for e in events if "CostUsd" in e] == [[0.5]]
    assert [e["QueueAge"] for e in events if "QueueAge" in e] == [[0.0]]
    assert {e["step"] for e in events if "StepDuration" in e} == {"run"}


def test_a_delivery_that_is_refused_is_counted_with_its_reason(
    stage: Stage, github: FakeGitHub, capsys: pytest.CaptureFixture[str]
):
    delivered(stage, github)
    capsys.readouterr()
    assert stage.call("POST", "/api/hooks/alerts", {"title": "x"})[0] == 401
    said = capsys.readouterr().out
    assert measured_with(said, "HookRejected") == ["signature"]


LINEAR_SECRET = "a secret of sixteen"


@pytest.mark.parametrize("path", ["/api/hooks/issues", "/api/webhooks/linear"])
def test_a_rejection_is_counted_for_triggers_and_for_forge_events(
    stage: Stage, capsys: pytest.CaptureFixture[str], path: str
):
    config = {"path": "issues", "signature": "linear", "secret": LINEAR_SECRET}
    trigger = {"type": "webhook", "config": config}
    body = {"type": "standalone", "name": "Look", "prompt": "Look.", "triggers": [trigger]}
    stage.ok("POST", "/api/tasks", body)
    stage.ok("PUT", "/api/secrets/LINEAR_WEBHOOK_SECRET", {"value": LINEAR_SECRET})
    capsys.readouterr()

    def rejections(sent_at: datetime, secret: str = LINEAR_SECRET) -> list[str]:
        raw = json.dumps({"webhookTimestamp": int(sent_at.timestamp() * 1000)}).encode()
        signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Linear-Signature": signature, "Linear-Event": "Issue"}
        stage.call("POST", path, raw, token="", **headers)
        return measured_with(capsys.readouterr().out, "HookRejected")

    assert rejections(stage.now) == []
    assert rejections(stage.now - timedelta(days=2)) == ["replay"]
    assert rejections(stage.now, "another secret of sixteen") == ["signature"]


def test_a_forge_event_without_a_saved_secret_is_counted(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    assert stage.call("POST", "/api/webhooks/github", {"zen": "x"}, token="")[0] == 401
    assert measured_with(capsys.readouterr().out, "HookRejected") == ["signature"]


def measured_with(said: str, name: str) -> list[str]:
    events = [json.loads(line) for line in said.splitlines() if f'"{name}"' in line]
    return [event["reason"] for event in events]
