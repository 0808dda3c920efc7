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
    megabytes = memory_sizes()
    starts = 1 if quick else STARTS
    with package() as folder, functions(starts) as (bench_stage, targets):
        for function in targets:
            runs = [function.start(folder, bench_stage.environment) for _ in range(starts)]
            most = megabytes.get(function.name, megabytes["api_handler"]) / 2
            imported = statistics.median(run["imported"]["peak"] for run in runs)
            peak = statistics.median(run["answered"]["peak"] for run in runs)
            yield Row(what=f"{function.name}: imported", value=imported, unit="MB")
            yield Row(what=f"{function.name}: first event", value=peak, unit="MB", most=most)


def memory_sizes() -> dict[str, int]:
    """Return the megabytes that each function is given."""
    config: dict[str, Any] = json.loads(CONFIG.read_text())
    (stage,) = config["stages"].values()
    entries = stage["lambda_functions"].items()
    return {name: int(function["lambda_memory_size"]) for name, function in entries}
