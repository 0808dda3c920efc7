"""Believable demo data for screenshots, made through the API of a running `make dev`."""

from __future__ import annotations

import time
from typing import Any

from infra.dev.demo import Api

SCRIPT = """echo "reading the prompt"; cat "$OPTIO_PROMPT_FILE"; echo
for i in $(seq 1 40); do echo "step $i: looking at module $i"; done
echo hello >> greetings.txt; git add -A
"""
FAILING = 'echo "installing"; echo "error: no matching version of left-pad" >&2; exit 3'
PATIENCE_SECONDS = 150
LIBRARY = {
    "Dependency bump": "Bump {{what}} to its newest version and mend what breaks.",
    "Fix a reported error": "Find the cause of {{title}} and fix it.\n\n{{url}}",
}
PLACES: tuple[dict[str, Any], ...] = (
    {"source": "github", "config": {"repo": "acme/web"}, "enabled": False},
    {
        "source": "jira",
        "name": "Jira, project WEB",
        "config": {"baseUrl": "https://jira.invalid", "email": "ada@acme.example"},
    },
    {
        "source": "linear",
        "name": "Linear, team ENG",
        "config": {"teamKey": "ENG"},
        "enabled": False,
    },
)
SCHEMA = {
    "properties": {
        "greeting": {"type": "string", "title": "Greeting", "description": "Any language"}
    }
}


def make(card: dict[str, Any], repo: str) -> dict[str, str]:
    """Make repos, blueprints and runs; return the ids that pages are shown with."""
    api = Api(card["url"], card["token"])
    _settle(api, repo)
    base = {"repoUrl": repo, "repoBranch": "main", "agentType": "command"}
    greeter, bump, report = (
        api.call("POST", "/api/tasks", body)["task"]["id"]
        for body in (_greeter(base), _bump(base), _report())
    )
    for greeting in ("Moin", "Salut", "Ciao", "Ahoj", "Hei", "Hola"):
        api.call("POST", f"/api/tasks/{greeter}/runs", {"params": {"greeting": greeting}})
    api.call("POST", f"/api/tasks/{bump}/runs", {"params": {"what": "left-pad"}})
    api.call("POST", f"/api/tasks/{report}/runs", {"params": {}})
    run = _completed(api, greeter)
    _known_repos(api, repo)
    return {"definition": greeter, "bump": bump, "run": run, "webhook": _told(api)}


def _settle(api: Api, repo: str) -> None:
    """Make what is set up once."""
    api.call("POST", "/api/repos", {"repoUrl": repo, "setupCommands": "grep -c . greetings.txt"})
    api.call("PUT", "/api/secrets/ANTHROPIC_API_KEY", {"value": "sk-ant-demo-not-a-key"})
    api.call("PUT", "/api/secrets/NPM_TOKEN", {"value": "npm-demo-not-a-token", "scope": repo})
    for name, text in LIBRARY.items():
        api.call("POST", "/api/prompt-templates", {"name": name, "template": text})
    for provider in PLACES:
        api.call("POST", "/api/tickets/providers", {**provider, "credential": "demo-not-a-token"})
    for name, role in (("CI of acme/web", "member"), ("Grafana", "viewer")):
        api.call("POST", "/api/auth/api-keys", {"name": name, "role": role})


def _greeter(base: dict[str, Any]) -> dict[str, Any]:
    clock = {"cronExpression": "* * * * *", "overlapPolicy": "skip"}
    webhook = {"path": "greet", "secret": "a-secret-of-the-demo-1"}
    return {
        **base,
        "type": "repo-blueprint",
        "name": "One more greeting",
        "description": "Keeps the greeter friendly",
        "title": "Add the greeting {{greeting}}",
        "prompt": "Add the greeting: {{greeting}}",
        "agentCommand": SCRIPT,
        "paramsSchema": SCHEMA,
        "triggers": [
            {"type": "schedule", "config": clock, "paramMapping": {"greeting": "Hej"}},
            {"type": "webhook", "config": webhook},
        ],
    }


def _bump(base: dict[str, Any]) -> dict[str, Any]:
    clock = {"cronExpression": "0 3 * * 1-5", "timezone": "Europe/Berlin"}
    return {
        **base,
        "type": "repo-blueprint",
        "name": "Nightly dependency bump",
        "prompt": "Bump {{what}}",
        "agentCommand": FAILING,
        "maxRetries": 0,
        "triggers": [{"type": "schedule", "config": clock, "paramMapping": {"what": "left-pad"}}],
    }


def _report() -> dict[str, Any]:
    return {
        "type": "standalone",
        "name": "Weekly report of open issues",
        "prompt": "List what is open, oldest first.",
        "agentType": "command",
        "agentCommand": "echo 'twelve issues are open'",
        "triggers": [{"type": "schedule", "config": {"cronExpression": "0 9 * * 1"}}],
    }


def _completed(api: Api, blueprint: str) -> str:
    """Return a run that is done, once three are."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        runs = api.call("GET", f"/api/tasks/{blueprint}/runs")["runs"]
        done = [run["id"] for run in runs if run["state"] == "completed"]
        if len(done) >= 3 or time.monotonic() > deadline:
            return str((done or [runs[0]["id"]])[0])
        time.sleep(2)


def _known_repos(api: Api, repo: str) -> None:
    """Show repos as people have them, and not the folder that the runs worked on."""
    for url in ("acme/web", "acme/billing", "acme/docs"):
        api.call("POST", "/api/repos", {"repoUrl": url, "setupCommands": "npm ci"})
    for record in api.call("GET", "/api/repos")["repos"]:
        if record["repoUrl"] == repo:
            api.call("DELETE", f"/api/repos/{record['id']}")


def _told(api: Api) -> str:
    """Make a webhook, and have it tried out: the stage itself answers, and takes nothing."""
    body = {"url": f"{api.url}/api/health", "description": "The on-call channel"}
    webhook_id = str(api.call("POST", "/api/webhooks", body)["webhook"]["id"])
    api.call("POST", f"/api/webhooks/{webhook_id}/test")
    return webhook_id
