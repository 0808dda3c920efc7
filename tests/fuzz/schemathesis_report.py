"""Reads what schemathesis did, request by request, and makes a table of it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request, without its body and its answer's: these fill gigabytes."""

    operation: str
    answer: str
    failed: tuple[str, ...]


@dataclass
class Told:
    """All requests of a run, the operations that are declared, and how many scenarios it played."""

    asked: list[Asked] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    scenarios: int = 0

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(one.failed for one in self.asked)

    def read(self, events: Path) -> None:
        """Add the content of a file of events."""
        with events.open() as lines:
            for line in lines:
                finished = json.loads(line).get("ScenarioFinished")
                if finished:
                    self._add(finished)

    def _add(self, finished: dict[str, Any]) -> None:
        scenario = finished["recorder"]
        if finished["phase"] == "stateful":
            self.scenarios += 1
        else:
            self.declared.add(scenario["label"])
        self.asked += (_asked(scenario, case_id) for case_id in scenario.get("cases", ()))


def _asked(scenario: dict[str, Any], case_id: str) -> Asked:
    case = scenario["cases"][case_id]["value"]
    answer = scenario.get("interactions", {}).get(case_id, {}).get("response")
    checks = scenario.get("checks", {}).get(case_id, ())
    return Asked(
        operation=sys.intern(f"{case['method']} {case['path']}"),
        answer=f"{str(answer['status_code'])[0]}xx" if answer else "none",
        failed=tuple(check["name"] for check in checks if check["status"] == "failure"),
    )


@dataclass
class Row:
    """The results of one operation."""

    operation: str
    answers: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)


def rows(told: Told) -> Sequence[Row]:
    """Return what the requests of each operation were answered, and which checks failed."""
    found: dict[str, Row] = {}
    for one in told.asked:
        operation = (
            one.operation if one.operation in told.declared else "methods that are not there"
        )
        row = found.setdefault(operation, Row(operation))
        row.answers[one.answer] += 1
        row.findings.update(one.failed)
    return [found[name] for name in sorted(found)]


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
