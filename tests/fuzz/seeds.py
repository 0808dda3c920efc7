"""Things for requests to be about: made through the API, and named in what schemathesis reads."""

from __future__ import annotations

import json
from typing import Any, Protocol

DOOMED = 20
"""Tasks for DELETE only, so that the objects of the other calls stay."""
DEFINED = 20
"""Tasks for every other call: one alone would soon reach its limit of triggers."""
DEFINITIONS = ("tasks", "jobs", "task-configs")
"""The paths of a blueprint, older ones included."""


class Api(Protocol):
    """A stage, as called by the holder of a key."""

    def call(self, method: str, path: str, body: object = None) -> Any: ...


def seed(api: Api) -> str:
    """Make a few of everything; return the lines of a configuration that names them."""
    known = _made(api)
    names = [f"[dictionaries.{name}]\nvalues = {json.dumps(ids)}\n" for name, ids in known.items()]
    asked = [
        f'{name} = {{ dictionary = "{name}", probability = 0.6 }}'
        for name in known
        if name != "doomed"
    ]
    return "\n".join([*names, "[parameters]", *asked, *map(_deletes, DEFINITIONS)])


def _deletes(kind: str) -> str:
    return f"""
[[operations]]
include-name = "DELETE /api/{kind}/{{task_id}}"
parameters = {{ task_id = {{ dictionary = "doomed", probability = 1.0 }} }}

[[operations]]
include-name = "DELETE /api/{kind}/{{task_id}}/triggers/{{trigger_id}}"
parameters = {{ trigger_id = {{ dictionary = "trigger_id", probability = 0.02 }} }}
"""


def _made(api: Api) -> dict[str, list[str]]:
    tasks = [api.call("POST", "/api/tasks", _task("fuzzed"))["task"]["id"] for _ in range(DEFINED)]
    task = tasks[0]
    manual = [{"type": "schedule", "config": {"cronExpression": "0 4 1 1 *"}}, {"type": "manual"}]
    added = [api.call("POST", f"/api/tasks/{task}/triggers", one) for one in manual * 3]
    runs = [api.call("POST", f"/api/tasks/{task}/runs", {})["runId"] for _ in range(4)]
    firings = api.call("GET", f"/api/tasks/{task}/firings")["firings"]
    text = {"name": f"Fuzzed {task}", "template": "{{#each a}}{{this}}{{/each}}"}
    template = api.call("POST", "/api/prompt-templates", text)
    doomed = [api.call("POST", "/api/tasks", _task("doomed"))["task"]["id"] for _ in range(DOOMED)]
    return {
        "task_id": [*tasks, *runs],
        "run_id": runs,
        "trigger_id": [one["trigger"]["id"] for one in added],
        "firing_id": [one["id"] for one in firings],
        "template_id": [template["promptTemplate"]["id"]],
        "doomed": doomed,
    }


def _task(name: str) -> dict[str, Any]:
    agent = {"agentType": "command", "agentCommand": "true"}  # five that fail would pause it
    return {
        "type": "standalone",
        "name": name,
        "prompt": "Greet {{#if who}}{{who}}{{/if}}",
        **agent,
    }
