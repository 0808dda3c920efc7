"""Memory: the most that each function ever held, once imported and after its first event."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.cold_events import functions
from benchmarks.cold_process import package
from benchmarks.report import Row

STARTS = 3
CONFIG = Path(__file__).resolve().parent.parent / ".chalice" / "config.json"


def measure(quick: bool) -> Iterable[Row]:
    """Start each function some times; it may use half of what it is given."""
    megabytes = given()
    starts = 1 if quick else STARTS
    with package() as folder, functions(starts) as (one, found):
        for function in found:
            kept = [function.start(folder, one.environment) for _ in range(starts)]
            most = megabytes.get(function.name, megabytes["api_handler"]) / 2
            imported = statistics.median(run["imported"]["peak"] for run in kept)
            peak = statistics.median(run["answered"]["peak"] for run in kept)
            yield Row(what=f"{function.name}: imported", value=imported, unit="MB")
            yield Row(what=f"{function.name}: first event", value=peak, unit="MB", most=most)


def given() -> dict[str, int]:
    """Return the megabytes that each function is given."""
    config: dict[str, Any] = json.loads(CONFIG.read_text())
    (stage,) = config["stages"].values()
    made = stage["lambda_functions"].items()
    return {name: int(function["lambda_memory_size"]) for name, function in made}
