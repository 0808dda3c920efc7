"""The real agent programs, run by the real runner against models on loopback."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.agent_programs import program
from tests.support.agent_runs import KEY, QUICK_SECONDS, run
from tests.support.fake_runner_api import PlayedApi, api, git, job, origin, tmp
from tests.support.http_stage import served
from tests.support.scripted_model import CONTENT, DONE, FILE, INPUT_TOKENS, Model, scripted_model

__all__ = ["api", "origin", "tmp"]

pytestmark = pytest.mark.agents


@pytest.fixture
def model() -> Iterator[Model]:
    with scripted_model() as model:
        yield model


def given(kind: str, base: str) -> dict[str, Any]:
    """Return the settings by which a blueprint sends an agent to the model at `base`."""
    model = "fake-model" if kind == "codex" else None
    environment, secrets = {
        "claude-code": ({"ANTHROPIC_BASE_URL": base}, {"ANTHROPIC_API_KEY": KEY}),
        "codex": ({"OPENAI_BASE_URL": f"{base}/v1"}, {"OPENAI_API_KEY": KEY}),
    }[kind]
    return {
        "agent": {"type": kind, "command": None, "model": model, "maxTurns": 10},
        "prompt": f"Write {FILE}, please.",
        "environment": environment,
        "secrets": secrets,
    }


KINDS = pytest.mark.parametrize("kind", ["claude-code", "codex"])


@KINDS
def test_the_program_does_its_work_and_it_is_pushed(
    kind: str, model: Model, api: PlayedApi, tmp: Path, origin: Path, monkeypatch: Any
):
    order = job("", origin, **given(kind, f"{model.url}/ok"))

    report, _ = run(kind, api, tmp, order, monkeypatch)

    assert report["outcome"] == "succeeded", (report, api.text)
    assert git("show", f"{report['branch']}:{FILE}", cwd=origin) == CONTENT
    assert report["resultSummary"] == DONE
    assert report["agent"]["sessionId"]
    assert report["agent"]["inputTokens"] >= INPUT_TOKENS
    assert report["agent"]["outputTokens"]
    assert any(KEY in key for key in model.keys)
    kinds = {line["logType"] for line in api.lines.values()}
    assert {"tool_use", "text"} <= kinds
    assert KEY not in api.text
    if kind == "claude-code":
        assert report["agent"]["costUsd"] > 0


@KINDS
@pytest.mark.parametrize(
    "status, error_class, transient",
    [(401, "credential", False), (429, "rate_limit", True), (529, "overloaded", True)],
)
def test_what_a_model_refuses_ends_the_run_soon_and_is_told_apart(
    kind: str,
    status: int,
    error_class: str,
    transient: bool,
    model: Model,
    api: PlayedApi,
    tmp: Path,
    monkeypatch: Any,
):
    order = job("", **given(kind, f"{model.url}/{status}"))

    report, seconds = run(kind, api, tmp, order, monkeypatch)

    assert (report["outcome"], report["errorClass"]) == ("failed", error_class), report
    assert report["transient"] is transient
    assert seconds < QUICK_SECONDS
    if status == 429 and kind == "claude-code":
        assert report["retryAt"], report


@KINDS
def test_without_a_credential_the_run_fails_soon_and_says_so(
    kind: str, model: Model, api: PlayedApi, tmp: Path, monkeypatch: Any
):
    order = job("", **{**given(kind, f"{model.url}/401"), "secrets": {}, "environment": {}})

    report, seconds = run(kind, api, tmp, order, monkeypatch)

    assert (report["outcome"], report["errorClass"]) == ("failed", "credential"), report
    assert seconds < QUICK_SECONDS


WRAPPER = """#!/bin/sh
# The real program, which never exits: it stays when it has printed its end.
trap '' TERM
{real} "$@" </dev/stdin
[ "$1" = --version ] && exit 0
[ -x {real} ] || exit 127
while :; do sleep 1; done
"""


def test_the_program_that_never_exits_after_its_end_ends_completed_within_a_minute(
    stage: Stage, model: Model, tmp: Path, origin: Path, monkeypatch: Any
):
    folder = tmp / "never-exits"
    folder.mkdir(mode=0o755)
    wrapper = folder / "claude"
    wrapper.write_text(WRAPPER.format(real=program("claude-code") / "claude"))
    wrapper.chmod(0o755)
    # The real one is in the PATH as well, so that a job can reach it wherever it is installed.
    monkeypatch.setenv("PATH", f"{folder}:{program('claude-code')}:{os.environ['PATH']}")
    stage.ok("PUT", "/api/secrets/ANTHROPIC_API_KEY", {"value": KEY})
    body = {
        "name": "Hello",
        "prompt": f"Write {FILE}, please.",
        "repoUrl": f"file://{origin}",
        "agentType": "claude-code",
        "environment": {"ANTHROPIC_BASE_URL": f"{model.url}/ok"},
    }
    run = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.settle()
    with served(stage) as server:
        started = time.monotonic()
        runner = server.runner(tmp, "--once")
        assert runner.wait(timeout=120) == 0, (tmp / "runner.log").read_text()
        seconds = time.monotonic() - started
        stage.settle()

    done = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (done["state"], done["errorMessage"]) == ("completed", None), done
    assert seconds < 60
    assert git("show", f"{done['branch']}:{FILE}", cwd=origin) == CONTENT
    assert DONE in done["resultSummary"]
    assert done["costUsd"] > 0
    lines = stage.ok("GET", f"/api/tasks/{run}/logs?limit=200")["logs"]
    assert any("did not exit" in line["content"] for line in lines)
