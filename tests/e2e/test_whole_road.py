"""The story of the deployed package: a schedule, a task, a runner that dies, a pushed branch."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import hmac
import json
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.e2e.conftest import System, git, until
from tests.support.local_origin import origin as origin

AGENT = """
set -e
echo "asked: $(cat)"
sleep 4
echo "one more line" >> notes.txt
echo "done"
"""
TAKEN_OVER = timedelta(minutes=2)


def blueprint(origin: Path, **more: object) -> dict[str, Any]:
    return {
        "type": "repo-blueprint",
        "name": "One more line",
        "prompt": "Add {{what}}",
        "repoUrl": f"file://{origin}",
        "repoBranch": "main",
        "agentType": "command",
        "agentCommand": AGENT,
        **more,
    }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_schedule_becomes_one_branch_though_the_runner_is_killed(system: System, origin: Path):
    system.ok(
        "POST", "/api/repos", {"repoUrl": f"file://{origin}", "setupCommands": "test -f notes.txt"}
    )
    every_minute = {
        "type": "schedule",
        "config": {"cronExpression": "* * * * *"},
        "paramMapping": {"what": "a line"},
    }
    task = system.ok("POST", "/api/tasks", blueprint(origin, triggers=[every_minute]))["task"]

    def first_run() -> Any:
        runs = system.ok("GET", f"/api/tasks/{task['id']}/runs")["runs"]
        return runs[-1] if runs else None

    run = until(first_run, 90, system.story)
    system.ok("PATCH", f"/api/tasks/{task['id']}", {"enabled": False})
    path = f"/api/tasks/{run['id']}"

    def contents() -> list[str]:
        return [line["content"] for line in system.ok("GET", f"{path}/logs?limit=500")["logs"]]

    until(lambda: "asked: Add a line" in contents(), 60, system.story)
    os.kill(system.card["runnerPid"], signal.SIGKILL)

    def ended() -> Any:
        now = system.ok("GET", path)["task"]
        return now if now["state"] in ("completed", "failed", "cancelled") else None

    end = until(ended, 180, system.story)
    assert end["state"] == "completed", end
    assert end["attempt"] == 2
    events = system.ok("GET", f"{path}/events?limit=100")["events"]
    began = [moment(event["createdAt"]) for event in events if event["toState"] == "running"]
    assert len(began) == 2
    assert began[1] - began[0] < TAKEN_OVER

    branches = git(origin, "branch", "--format=%(refname:short)").splitlines()
    assert sorted(branches) == ["main", end["branch"]]
    assert git(origin, "rev-list", "--count", f"main..{end['branch']}") == "1"
    assert git(origin, "show", f"{end['branch']}:notes.txt") == "first\none more line"
    tip = git(origin, "rev-parse", end["branch"])
    assert end["resultSummary"].startswith(f"pushed {end['branch']} at {tip[:12]}")

    (firing,) = [
        one
        for one in system.ok("GET", f"/api/tasks/{task['id']}/firings")["firings"]
        if one["taskId"] == run["id"]
    ]
    assert moment(firing["occurrence"]).second == 0
    assert firing["latenessMs"] >= 0


def test_everything_is_there_again_after_a_stop(system: System, origin: Path):
    made = system.ok("POST", "/api/tasks", blueprint(origin, agentCommand="echo two >> notes.txt"))
    task = made["task"]

    system.stop()
    system.start()

    assert system.ok("GET", f"/api/tasks/{task['id']}")["task"] == task
    run = system.ok("POST", f"/api/tasks/{task['id']}/runs", {"params": {"what": "two"}})["runId"]

    def completed() -> Any:
        now = system.ok("GET", f"/api/tasks/{run}")["task"]
        assert now["state"] not in ("failed", "cancelled"), now
        return now if now["state"] == "completed" else None

    end = until(completed, 90, system.story)
    assert git(origin, "show", f"{end['branch']}:notes.txt") == "first\ntwo"


def test_a_signed_delivery_of_a_mebibyte_becomes_a_task_and_nothing_else_does(system: System):
    secret = "a secret of sixteen"
    hook = {"type": "webhook", "config": {"path": "alerts", "secret": secret}}
    blueprint = {
        "type": "standalone",
        "name": "Alert",
        "prompt": "Look at {{title}}",
        "agentType": "command",
        "agentCommand": "cat",
        "triggers": [hook],
    }
    task = system.ok("POST", "/api/tasks", blueprint)["task"]
    noise = hashlib.shake_256(b"seed").hexdigest((2**20 - 40) // 2)
    payload = {"title": "été", "noise": noise}
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    status, answer = system.send("POST", "/api/hooks/alerts", payload)
    assert status == 401, answer
    signed = {"X-Optio-Signature": signature}
    status, answer = system.send("POST", "/api/hooks/alerts", payload, headers=signed)
    assert status == 202, answer
    again = system.send("POST", "/api/hooks/alerts", payload, headers=signed)
    assert again == (200, {"skipped": "duplicate", **answer})
    run = system.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["prompt"] == "Look at été"
    assert run["metadata"]["triggerParams"] == payload
    assert system.send("POST", "/api/hooks/alerts", [" " * 2**20])[0] == 413
    assert system.send("POST", "/api/hooks/nobody", {})[0] == 404
    firings = system.ok("GET", f"/api/tasks/{task['id']}/firings")["firings"]
    assert [firing["outcome"] for firing in firings] == ["fired"]

    def ticks() -> bool:
        return bool(system.ok("GET", "/api/health/scheduler")["status"] == "ok")

    until(ticks, 150, system.story)


def test_bodies_reach_the_stage_byte_for_byte_and_are_read_as_declared(system: System):
    """The type is left out of one: the gateway takes such a body for JSON, and passes bytes on."""
    secret = "a secret of sixteen"
    hook = {"type": "webhook", "config": {"path": "bytes", "secret": secret}}
    blueprint = {
        "type": "standalone",
        "name": "Bytes",
        "prompt": "Look at {{title}}",
        "agentType": "command",
        "agentCommand": "cat",
        "triggers": [hook],
    }
    system.ok("POST", "/api/tasks", blueprint)
    url = f"{system.card['url']}/api/hooks/bytes"
    text = '{"title": "été"}'
    latin = {"Content-Type": "application/json; charset=ISO-8859-1"}
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    sent = [
        (text.encode("latin-1"), latin),
        (gzip.compress(text.encode()), packed),
        (codecs.BOM_UTF8 + text.encode(), {"Content-Type": "text/plain"}),
        (text.encode() + b" ", {}),
    ]
    for body, headers in sent:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        named = {**headers, "X-Optio-Signature": signature}
        answer = httpx.post(url, content=body, headers=named, timeout=60)
        assert answer.status_code == 202, (body, answer.text)
        run = system.ok("GET", f"/api/tasks/{answer.json()['runId']}")["task"]
        assert run["prompt"] == "Look at été"
    damaged = text.encode("latin-1").decode("utf-8", "replace").encode()
    assert httpx.post(url, content=damaged, headers=named, timeout=60).status_code == 401


def test_head_is_answered_like_get_without_the_body(system: System):
    held = {"Authorization": f"Bearer {system.card['token']}"}
    url = system.card["url"]
    for path in ("/api/health", "/api/tasks?limit=1", "/login", "/api/openapi.json"):
        head, get = (httpx.request(m, url + path, headers=held) for m in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
        assert get.content
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert httpx.head(f"{url}/api/tasks").status_code == 401
    assert httpx.head(f"{url}/api/tasks/bulk/retry-failed", headers=held).status_code == 405
    assert httpx.head(f"{url}/nothing").status_code == 404


def test_a_stranger_and_an_unknown_path_get_clear_answers(system: System):
    status, body = system.send("GET", "/api/tasks", token="optio_pat_wrong")
    assert status == 401
    assert body["error"].startswith("this API key is not known")

    assert system.send("GET", "/api/openapi.json", token="none")[1]["openapi"] == "3.1.0"
    for path in ("/api/nothing", "/nothing/at", "/api/tasks/a/b/c/d"):
        status, body = system.send("GET", path)
        assert (status, body["error"]) == (404, "no such path")
    status, body = system.send("PUT", "/api/tasks")
    assert (status, body["error"]) == (405, "this path accepts GET, POST, not PUT")


def test_a_file_of_a_standalone_is_kept_and_read_at_its_signed_address(system: System):
    blueprint = {
        "type": "standalone",
        "name": "Report",
        "prompt": "Report",
        "agentType": "command",
        "agentCommand": 'printf "a report" > "$OPTIO_OUTPUT/über uns.txt"',
    }
    task = system.ok("POST", "/api/tasks", blueprint)["task"]
    run = system.ok("POST", f"/api/tasks/{task['id']}/runs", {})["runId"]

    def ended() -> Any:
        now = system.ok("GET", f"/api/tasks/{run}")["task"]
        return now if now["completedAt"] else None

    end = until(ended, 90, system.story)
    (output,) = end["outputs"]
    assert output == {"name": "über uns.txt", "size": 8, "contentType": "text/plain"}
    address = f"{system.card['url']}/api/tasks/{run}/outputs/{quote(output['name'], safe='')}"
    held = {"Authorization": f"Bearer {system.card['token']}"}
    answer = httpx.get(address, headers=held, follow_redirects=True)
    assert (answer.status_code, answer.text) == (200, "a report"), answer.text
    assert (
        answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BCber%20uns.txt"
    )
