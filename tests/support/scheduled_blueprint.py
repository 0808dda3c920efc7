"""A blueprint with a schedule."""

from __future__ import annotations

from typing import Any

from tests.conftest import Stage


def made(stage: Stage, *, config: dict[str, Any] | None = None, **more: Any) -> tuple[str, str]:
    """Make a standalone with one schedule, and return the ids of both."""
    schedule = {"cronExpression": "*/5 * * * *", **(config or {})}
    body = {
        "type": "standalone",
        "name": "Report",
        "prompt": "Write {{what}}.",
        "agentType": "command",
        "agentCommand": "true",
        "maxConcurrent": 5,
        "triggers": [{"type": "schedule", "config": schedule, "paramMapping": {"what": "it"}}],
        **more,
    }
    answer = stage.ok("POST", "/api/tasks", body)
    return answer["task"]["id"], answer["triggers"][0]["id"] if answer["triggers"] else ""
