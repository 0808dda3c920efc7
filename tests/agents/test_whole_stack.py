"""The whole local stack with real agent programs: from a trigger to a pushed branch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import System, git, until
from tests.support.agent_programs import program
from tests.support.local_origin import origin
from tests.support.scripted_model import CONTENT, DONE, FILE, INPUT_TOKENS, Model, scripted_model

__all__ = ["origin"]

pytestmark = pytest.mark.agents
KEY = "sk-test-fedcba9876543210"
SECRETS = {"claude-code": "ANTHROPIC_API_KEY", "codex": "OPENAI_API_KEY"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose runner finds the agents' programs on its PATH."""
    made = System(tmp_path_factory.mktemp("system"))
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(program(kind)) for kind in SECRETS]
        patch.setenv("PATH", ":".join([*paths, os.environ["PATH"]]))
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with scripted_model() as model:
        yield model


@pytest.mark.parametrize("kind", SECRETS)
def test_a_schedule_becomes_a_branch_that_a_real_agent_wrote(
    kind: str, system: System, model: Model, origin: Path
):
    system.ok("PUT", f"/api/secrets/{SECRETS[kind]}", {"value": KEY, "scope": "global"})
    base = f"{model.url}/ok"
    task = system.ok(
        "POST",
        "/api/tasks",
        {
            "type": "repo-blueprint",
            "name": f"Hello of {kind}",
            "prompt": "Write {{file}}, please.",
            "repoUrl": f"file://{origin}",
            "agentType": kind,
            "model": "fake-model" if kind == "codex" else None,
            "secrets": [SECRETS[kind]],
            "environment": {"ANTHROPIC_BASE_URL": base, "OPENAI_BASE_URL": f"{base}/v1"},
            "triggers": [
                {
                    "type": "schedule",
                    "config": {"cronExpression": "* * * * *"},
                    "paramMapping": {"file": FILE},
                }
            ],
        },
    )["task"]

    def fired() -> Any:
        runs = system.ok("GET", f"/api/tasks/{task['id']}/runs")["runs"]
        return runs[-1]["id"] if runs else None

    run = until(fired, 90, system.story)
    system.ok("PATCH", f"/api/tasks/{task['id']}", {"enabled": False})

    def ended() -> Any:
        now = system.ok("GET", f"/api/tasks/{run}")["task"]
        return now if now["state"] in ("completed", "failed", "pr_opened") else None

    end = until(ended, 120, system.story)
    assert end["errorMessage"] is None
    assert git(origin, "show", f"{end['branch']}:{FILE}") == CONTENT
    assert DONE in end["resultSummary"]
    assert end["inputTokens"] >= INPUT_TOKENS
    assert end["outputTokens"] > 0
    assert end["costUsd"] is None if kind == "codex" else end["costUsd"] > 0
    asked = json.dumps([each for each in model.asked if FILE in json.dumps(each)])
    assert f"Write {FILE}, please." in asked
    assert "Do not push" in asked
    told = system.ok("GET", f"/api/tasks/{run}/logs?limit=100")["logs"]
    assert {"tool_use", "text"} <= {line["logType"] for line in told}
    assert KEY not in json.dumps([end, told])
