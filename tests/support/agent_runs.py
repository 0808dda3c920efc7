"""Runs of real agent programs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.support.agent_programs import program
from tests.support.fake_runner_api import PlayedApi, do

KEY = "sk-test-0123456789abcdef"
QUICK_SECONDS = 30


def run(kind: str, api: PlayedApi, tmp: Path, order: dict[str, Any], monkeypatch: Any) -> Any:
    monkeypatch.setenv("PATH", f"{program(kind)}:{os.environ['PATH']}")
    started = time.monotonic()
    return do(api, tmp, order), time.monotonic() - started
