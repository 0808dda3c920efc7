"""`make demo`: a real repo, a blueprint with a schedule, and the run that it fires, live."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.dev.dev_state import card, state_folder
from infra.dev.emulator import ROOT

PATIENCE_SECONDS = 240
FINAL = ("completed", "failed", "cancelled")


class Api:
    """A plain client of the API."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None


def main() -> None:
    """Show the whole road once, or once more."""
    state = state_folder()
    api, _ = running(state)
    url = example(state)
    task = _blueprint(api, url)
    print(f"Blueprint {task['id']} fires every minute. Waiting for the next one …", flush=True)
    run = _next_run(api, task["id"])
    _follow(api, run["id"])
    _tell(api, task["id"], run["id"], url)
    api.call("PATCH", f"/api/tasks/{task['id']}", {"enabled": False})
    print("The blueprint is paused now; run `make demo` again and it goes on.")


def running(state: Path) -> tuple[Api, str]:
    """Return the API of what `make dev` runs with this state, and where it is."""
    contents = card(state)
    return Api(contents["url"], contents["token"]), contents["url"]


def example(state: Path) -> str:
    """Return the URL of a bare repo of the example, made unless an earlier demo made it."""
    bare = state / "demo" / "greeter"
    if bare.exists():
        return f"file://{bare}"
    work = state / "demo" / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / "greeter", work)
    me = ["-c", "user.name=Demo", "-c", "user.email=demo@localhost"]
    _git(work, "init", "--quiet", "--initial-branch=main")
    _git(work, "add", "--all")
    _git(work, *me, "commit", "--quiet", "--message", "Say hello")
    _git(work, "clone", "--quiet", "--bare", ".", str(bare))
    shutil.rmtree(work)
    return f"file://{bare}"


def _git(folder: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _blueprint(api: Api, url: str) -> Any:
    for task in api.call("GET", "/api/tasks?type=repo-blueprint&limit=100")["tasks"]:
        if task["repoUrl"] == url:
            return api.call("PATCH", f"/api/tasks/{task['id']}", {"enabled": True})["task"]
    api.call("POST", "/api/repos", {"repoUrl": url, "setupCommands": "grep -c . greetings.txt"})
    body = {
        "type": "repo-blueprint",
        "name": "One more greeting",
        "prompt": "Add the greeting: {{greeting}}",
        "repoUrl": url,
        "repoBranch": "main",
        "agentType": "command",
        "agentCommand": "bash agent.sh",
        "triggers": [
            {
                "type": "schedule",
                "config": {"cronExpression": "* * * * *"},
                "paramMapping": {"greeting": "Hej"},
            }
        ],
    }
    return api.call("POST", "/api/tasks", body)["task"]


def _next_run(api: Api, task_id: str) -> Any:
    earlier = {run["id"] for run in api.call("GET", f"/api/tasks/{task_id}/runs")["runs"]}
    for _ in range(PATIENCE_SECONDS * 2):
        for run in api.call("GET", f"/api/tasks/{task_id}/runs")["runs"]:
            if run["id"] not in earlier:
                return run
        time.sleep(0.5)
    raise SystemExit("no task was fired: see emulator.log in the state folder")


def _follow(api: Api, run_id: str) -> None:
    print(f"Task {run_id} was fired:", flush=True)
    cursor, state = "1.0", ""
    for _ in range(PATIENCE_SECONDS * 2):
        run = api.call("GET", f"/api/tasks/{run_id}")["task"]
        if run["state"] != state:
            state = run["state"]
            print(f"  ── {state}", flush=True)
        page = api.call("GET", f"/api/tasks/{run_id}/logs?cursor={cursor}")
        for line in page["logs"]:
            print(f"  {line['logType']:>8} │ {line['content']}", flush=True)
        cursor = page["nextCursor"] if run["attempt"] else cursor
        if state in FINAL and not page["logs"]:
            return
        time.sleep(0.5)
    raise SystemExit("the task does not end: see runner.log in the state folder")


def _tell(api: Api, task_id: str, run_id: str, url: str) -> None:
    run = api.call("GET", f"/api/tasks/{run_id}")["task"]
    firings = api.call("GET", f"/api/tasks/{task_id}/firings")["firings"]
    firing = next(firing for firing in firings if firing["taskId"] == run_id)
    if run["state"] != "completed":
        raise SystemExit(f"the task {run['state']}: {run['errorMessage']}")
    due = datetime.fromisoformat(firing["occurrence"])
    print(f"\nDue at {due:%H:%M:%S} UTC, fired {firing['latenessMs']} ms later.")
    print(f"{run['resultSummary']}")
    bare = Path(url.removeprefix("file://"))
    print(_git(bare, "log", "-1", "--stat", "--format=%h %an: %s", run["branch"]))


if __name__ == "__main__":
    main()
