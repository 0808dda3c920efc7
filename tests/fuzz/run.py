"""Runs schemathesis against a stage that listens, and reads what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
    declared: set[str] = set()
    asked: list[_Asked] = []
    with events.open() as lines:
        for line in lines:
            scenario = json.loads(line).get("ScenarioFinished", {}).get("recorder")
            if scenario:
                declared.add(scenario["label"])
                asked += map(partial(_asked, scenario), scenario.get("cases", ()))
    found: dict[str, Row] = {}
    for one in asked:
        operation = one.operation if one.operation in declared else "methods that are not there"
        row = found.setdefault(operation, Row(operation))
        row.answers[one.answer] += 1
        row.findings.update(one.failed)
    yield from (found[name] for name in sorted(found))


class _Asked(NamedTuple):
    """A request, without its body and its answer's: these fill gigabytes."""

    operation: str
    answer: str
    failed: tuple[str, ...]


def _asked(scenario: dict[str, Any], case_id: str) -> _Asked:
    case = scenario["cases"][case_id]["value"]
    answer = scenario.get("interactions", {}).get(case_id, {}).get("response")
    checks = scenario.get("checks", {}).get(case_id, ())
    return _Asked(
        operation=sys.intern(f"{case['method']} {case['path']}"),
        answer=f"{str(answer['status_code'])[0]}xx" if answer else "none",
        failed=tuple(check["name"] for check in checks if check["status"] == "failure"),
    )


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
