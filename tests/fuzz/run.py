"""Runs schemathesis against a stage that listens, and reads what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("schemathesis.toml")


@dataclass
class Row:
    """What came of one operation."""

    operation: str
    answers: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)


def fuzz(
    url: str, token: str, examples: int, folder: Path, seeds: str, *more: str
) -> tuple[str, Sequence[Row]]:
    """Try every operation; return what schemathesis printed, and a row for each of them.

    API Gateway knows a method that it has not no better than a path that it has not: 404, where
    405 is expected. That such a method does nothing is asked by a check of our own.
    """
    events, config = folder / "events.ndjson", folder / "schemathesis.toml"
    config.write_text(f"{RULES.read_text()}\n{seeds}")
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(config), "run", f"{url}/api/openapi.json"),
        *("--checks", "all", "--exclude-checks", "unsupported_method"),
        *("--max-examples", str(examples), "--no-color"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--report", "ndjson", "--report-ndjson-path", str(events), *more),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    found = list(rows(events)) if events.exists() else []
    if done.returncode and not any(row.findings for row in found):
        raise AssertionError(f"schemathesis ended with {done.returncode}:\n{said}")
    return said, found


def rows(events: Path) -> Iterator[Row]:
    """Yield what the requests of each operation were answered, and which checks failed."""
    with events.open() as lines:
        told = [json.loads(line).get("ScenarioFinished", {}) for line in lines]
    scenarios = [one["recorder"] for one in told if "recorder" in one]
    declared = {one["label"] for one in scenarios}
    found: dict[str, Row] = {}
    for scenario in scenarios:
        for case_id, kept in scenario.get("cases", {}).items():
            named = f"{kept['value']['method']} {kept['value']['path']}"
            operation = named if named in declared else "methods that are not there"
            _note(found.setdefault(operation, Row(operation)), scenario, case_id)
    yield from (found[name] for name in sorted(found))


def _note(row: Row, scenario: dict[str, Any], case_id: str) -> None:
    answer = scenario.get("interactions", {}).get(case_id, {}).get("response")
    row.answers[f"{str(answer['status_code'])[0]}xx" if answer else "none"] += 1
    for check in scenario.get("checks", {}).get(case_id, ()):
        if check["status"] == "failure":
            row.findings[check["name"]] += 1


def table(found: Sequence[Row]) -> str:
    """Return the rows as text, what failed last."""
    kinds = ("2xx", "4xx", "5xx", "none")
    lines = [f"{'operation':<64}" + "".join(f"{kind:>8}" for kind in kinds) + "  findings"]
    for row in sorted(found, key=lambda row: sum(row.findings.values())):
        counts = "".join(f"{row.answers[kind]:>8}" for kind in kinds)
        words = ", ".join(f"{name} x {count}" for name, count in row.findings.items())
        lines.append(f"{row.operation:<64}{counts}  {words or '-'}")
    requests = sum(sum(row.answers.values()) for row in found)
    findings = sum(sum(row.findings.values()) for row in found)
    return "\n".join([*lines, f"{len(found)} operations, {requests} requests, {findings} findings"])
