"""Cold start: what each function's import takes, and its first event, in fresh processes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

from benchmarks import yardstick
from benchmarks.cold_events import functions
from benchmarks.cold_process import package, run_cold
from benchmarks.report import Row

STARTS = 9
RATIO, FIRST_RATIO = 1.5, 2.4
"""Of an import, and of the time to the first answer, to a cold process that does the least."""
DELIVERY = "API, a delivery"


def measure(quick: bool) -> Iterable[Row]:
    """Start each function repeatedly, in turn with the yardstick that no function can avoid."""
    starts = 3 if quick else STARTS
    imports: dict[str, list[float]] = defaultdict(list)
    answers: dict[str, list[dict[str, float]]] = defaultdict(list)
    base: dict[str, list[float]] = defaultdict(list)
    with package() as folder, functions(starts) as (bench_stage, targets):
        for _ in range(starts):
            bare = run_cold(yardstick.COLD, folder, bench_stage.environment)
            base["import"].append(bare["imported"]["cpu"])
            base["answer"].append(bare["answered"]["wall"])
            for function in targets:
                figures = function.start(folder, bench_stage.environment)
                imports[function.name].append(figures["imported"]["cpu"])
                answers[function.name].append(figures["answered"])
    medians = {name: statistics.median(taken) for name, taken in base.items()}
    yield from _rows(medians, imports, answers)


def _rows(
    base: dict[str, float],
    imports: dict[str, list[float]],
    answers: dict[str, list[dict[str, float]]],
) -> Iterable[Row]:
    yield Row(what="import of chalice.app and pynamodb.models", value=base["import"], unit="ms")
    yield Row(what="these and a bare transaction, wall", value=base["answer"], unit="ms")
    for name, taken in imports.items():
        imported = statistics.median(taken)
        first = statistics.median(answer["cpu"] for answer in answers[name])
        wall = statistics.median(answer["wall"] for answer in answers[name])
        yield Row(what=f"{name}: import", value=imported, unit="ms")
        yield Row(what=f"{name}: first event", value=first, unit="ms")
        yield Row(what=f"{name}: first event, wall", value=wall, unit="ms")
        if name == DELIVERY:
            whole = wall / base["answer"]
            what = f"{name}: first event, wall, to a bare transaction of a cold process"
            yield Row(what=what, value=whole, unit="x", most=FIRST_RATIO)
    ratio = statistics.median(imports[DELIVERY]) / base["import"]
    yield Row(what="import of app, to that of both", value=ratio, unit="x", most=RATIO)
