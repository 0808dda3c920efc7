"""The programs with further protocols, against a model that others published."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import until
from tests.support.agent_runs import KEY, QUICK_SECONDS, run
from tests.support.fake_runner_api import PlayedApi, api, git, job, origin, tmp
from tests.support.shared import ROOT

__all__ = ["api", "origin", "tmp"]

pytestmark = pytest.mark.agents
SERVER = (
    Path(os.environ.get("OPTIO_SHARED") or ROOT.parent / "shared") / "tools/fake-model/server.py"
)
KINDS = pytest.mark.parametrize("kind", ["gemini", "opencode", "copilot"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if not SERVER.exists():
        pytest.skip(f"NOT RUN: the published model is absent at {SERVER}; set OPTIO_SHARED")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    scrubbed = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    server = subprocess.Popen([sys.executable, str(SERVER), str(port)], env=scrubbed)
    try:
        until(lambda: _listens(port), 15)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def given(kind: str, base: str) -> dict[str, Any]:
    environment: dict[str, str]
    environment, secret, model = {
        "gemini": ({"GOOGLE_GEMINI_BASE_URL": base}, "GEMINI_API_KEY", None),
        "opencode": ({"OPENAI_BASE_URL": f"{base}/v1"}, "OPENAI_API_KEY", "openai/gpt-4o"),
        "copilot": (
            {"COPILOT_PROVIDER_BASE_URL": f"{base}/v1", "COPILOT_MODEL": "fake-model"},
            "COPILOT_PROVIDER_API_KEY",
            None,
        ),
    }[kind]
    return {
        "agent": {"type": kind, "command": None, "model": model, "maxTurns": 10},
        "prompt": "Write hello.txt, please.",
        "environment": environment,
        "secrets": {secret: KEY},
    }


@KINDS
def test_the_program_does_its_work_and_it_is_pushed(
    kind: str, url: str, api: PlayedApi, tmp: Path, origin: Path, monkeypatch: Any
):
    order = job("", origin, **given(kind, f"{url}/success"))

    report, _ = run(kind, api, tmp, order, monkeypatch)

    assert report["outcome"] == "succeeded", (report, api.text)
    assert git("show", f"{report['branch']}:hello.txt", cwd=origin) == "hello from the agent"
    assert report["resultSummary"] == "Done: I created hello.txt."
    assert report["agent"]["sessionId"]
    if kind != "copilot":
        assert report["agent"]["inputTokens"]
    assert {"tool_use", "text"} <= {line["logType"] for line in api.lines.values()}


@KINDS
def test_a_bad_credential_ends_the_run_soon(
    kind: str, url: str, api: PlayedApi, tmp: Path, monkeypatch: Any
):
    order = job("", **given(kind, f"{url}/e401"))

    report, seconds = run(kind, api, tmp, order, monkeypatch)

    assert (report["outcome"], report["errorClass"]) == ("failed", "credential"), report
    assert report["transient"] is False
    assert seconds < QUICK_SECONDS


@KINDS
def test_without_a_credential_the_run_fails_soon_and_says_so(
    kind: str, api: PlayedApi, tmp: Path, monkeypatch: Any
):
    order = {**job("", **given(kind, "http://127.0.0.1:9")), "secrets": {}, "environment": {}}

    report, seconds = run(kind, api, tmp, order, monkeypatch)

    assert (report["outcome"], report["errorClass"]) == ("failed", "credential"), report
    assert seconds < QUICK_SECONDS
