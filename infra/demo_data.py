"""Believable demo data for screenshots, made through the API of a running `make dev`."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

SCRIPT = """echo "reading the prompt"; cat "$OPTIO_PROMPT_FILE"
for i in $(seq 1 40); do echo "step $i: looking at module $i"; done
echo hello >> greetings.txt; git add -A
"""
FAILING = 'echo "installing"; echo "error: no matching version of left-pad" >&2; exit 3'


def make(card: dict[str, Any], repo: str) -> dict[str, str]:
    """Make repos, definitions and runs; return the ids that pages are shown with."""

    def call(method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            card["url"] + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {card['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    call("POST", "/api/repos", {"repoUrl": repo, "setupCommands": "grep -c . greetings.txt"})
    call("PUT", "/api/secrets/ANTHROPIC_API_KEY", {"value": "sk-ant-demo-not-a-key"})
    call("PUT", "/api/secrets/NPM_TOKEN", {"value": "npm-demo-not-a-token", "scope": repo})
    for name, text in (
        ("Dependency bump", "Bump {{what}} to its newest version and mend what breaks."),
        ("Fix a reported error", "Find the cause of {{title}} and fix it.\n\n{{url}}"),
    ):
        call("POST", "/api/prompt-templates", {"name": name, "template": text})
    base = {"repoUrl": repo, "repoBranch": "main", "agentType": "command"}
    minutely: dict[str, Any] = {
        **base,
        "type": "repo-blueprint",
        "name": "One more greeting",
        "description": "Keeps the greeter friendly",
        "title": "Add the greeting {{greeting}}",
        "prompt": "Add the greeting: {{greeting}}",
        "agentCommand": SCRIPT,
        "paramsSchema": {
            "properties": {
                "greeting": {"type": "string", "title": "Greeting", "description": "Any language"}
            }
        },
        "triggers": [
            {
                "type": "schedule",
                "config": {"cronExpression": "* * * * *", "overlapPolicy": "skip"},
                "paramMapping": {"greeting": "Hej"},
            },
            {"type": "webhook", "config": {"path": "greet", "secret": "a-secret-of-the-demo-1"}},
        ],
    }
    shown = call("POST", "/api/tasks", minutely)
    definition = shown["task"]["id"]
    failing = {
        **base,
        "type": "repo-blueprint",
        "name": "Nightly dependency bump",
        "prompt": "Bump {{what}}",
        "agentCommand": FAILING,
        "maxRetries": 0,
        "triggers": [
            {
                "type": "schedule",
                "config": {"cronExpression": "0 3 * * 1-5", "timezone": "Europe/Berlin"},
                "paramMapping": {"what": "left-pad"},
            }
        ],
    }
    bump = call("POST", "/api/tasks", failing)["task"]["id"]
    weekly = {
        "type": "standalone",
        "name": "Weekly report of open issues",
        "prompt": "List what is open, oldest first.",
        "agentType": "command",
        "agentCommand": "echo 'twelve issues are open'",
        "triggers": [{"type": "schedule", "config": {"cronExpression": "0 9 * * 1"}}],
    }
    report = call("POST", "/api/tasks", weekly)["task"]["id"]
    for greeting in ("Moin", "Salut", "Ciao"):
        call("POST", f"/api/tasks/{definition}/runs", {"params": {"greeting": greeting}})
    call("POST", f"/api/tasks/{bump}/runs", {"params": {"what": "left-pad"}})
    call("POST", f"/api/tasks/{report}/runs", {"params": {}})
    deadline = time.monotonic() + 150
    run = ""
    while time.monotonic() < deadline:
        listed = call("GET", f"/api/tasks/{definition}/runs")["runs"]
        done = [one["id"] for one in listed if one["state"] == "completed"]
        if len(done) >= 3:
            run = done[0]
            break
        time.sleep(2)
    for url in ("acme/web", "acme/billing", "acme/docs"):
        call("POST", "/api/repos", {"repoUrl": url, "setupCommands": "npm ci"})
    for one in call("GET", "/api/repos")["repos"]:
        if one["repoUrl"] == repo:
            call("DELETE", f"/api/repos/{one['id']}")
    return {"definition": definition, "bump": bump, "run": run or listed[0]["id"]}


def repo(folder: Path) -> str:
    """Return the URL of a small repo of the example."""
    from infra.demo import _repo  # noqa: PLC0415 - makes files

    return f"file://{_repo(folder)}"
