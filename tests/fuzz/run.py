"""Runs schemathesis against a stage that listens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bytecode import BYTECODE
from tests.fuzz.schemathesis_report import Row, Told, rows

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("schemathesis.toml")


def fuzz(
    url: str, token: str, examples: int, folder: Path, seeds: str, *more: str
) -> tuple[str, Sequence[Row]]:
    """Try every operation; return what schemathesis printed, and a row for each of them.

    Removals come last, so that the other operations still find their objects. Hypothesis silently
    ends a stateful phase when a repeated scenario ends differently, which a stage with state
    causes. So the phase restarts until the requested number of scenarios was played. It omits
    older paths, because schemathesis misses an object at one path after its removal by another.
    """
    (folder / "schemathesis.toml").write_text(f"{RULES.read_text()}\n{seeds}")
    asked = ("--max-examples", str(examples), "--header", f"Authorization: Bearer {token}", *more)
    told = Told()
    alone = (*asked, "--phases", "examples,coverage,fuzzing")
    said = _run(url, folder, told, *alone, "--exclude-method", "DELETE")
    said += _run(url, folder, told, *alone, "--include-method", "DELETE")
    while told.scenarios < examples:
        played = told.scenarios
        said += _run(url, folder, told, *asked, "--phases", "stateful", "--exclude-deprecated")
        assert told.scenarios > played, said
    return said, rows(told)


def _run(url: str, folder: Path, told: Told, *asked: str) -> str:
    """Run schemathesis once, add to `told` what it did, and return what it printed.

    API Gateway knows a method that it has not no better than a path that it has not: 404, where
    405 is expected. That such a method does nothing is asked by a check of our own.
    """
    events = folder / "events.ndjson"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", "schemathesis.toml", "run", f"{url}/api/openapi.json"),
        *("--checks", "all", "--exclude-checks", "unsupported_method", "--no-color"),
        *("--report", "ndjson", "--report-ndjson-path", str(events), *asked),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        **BYTECODE,
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if events.exists():
        told.read(events)
    assert not done.returncode or told.failed, f"schemathesis ended with {done.returncode}:\n{said}"
    return said
