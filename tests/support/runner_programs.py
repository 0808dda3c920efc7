"""Programs in place of an agent."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_runner_api import job

PROGRAMS = {
    "claude-code": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "copilot": "copilot",
}
KEYS = {"OPENAI_API_KEY": "sk-0123456789", "ANTHROPIC_API_KEY": "sk-9876543210"}


def put_program(
    tmp: Path, kind: str, stream: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a program into the PATH: it changes the repo, prints `stream` and does `after`."""
    folder = tmp / "bin"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    printed = "\n".join(f"printf '%s\\n' {shlex.quote(line)}" for line in stream.splitlines())
    script = folder / PROGRAMS[kind]
    script.write_text(
        '#!/bin/bash\n[ "$1" = --version ] && { echo 1.0; exit; }\n'
        f"echo done > work.txt\n{printed}\n{after}"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def order_for(kind: str, origin: Path, **changes: Any) -> dict[str, Any]:
    agent = {"type": kind, "command": None, "model": None, "maxTurns": None}
    return job("", origin, **{"agent": agent, "secrets": KEYS, "endGraceSeconds": 0.5, **changes})
