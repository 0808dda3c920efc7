"""Cold start: what each function's import takes, and its first event, in fresh processes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.fresh import package, told
from benchmarks.functions import functions
from benchmarks.report import Row

BASE = "import chalice.app, pynamodb.models\ntold = {'imported': taken()}"
STARTS = 9
RATIO, FIRST_MS = 1.5, 250
DELIVERY = "API, a delivery"


def measure(quick: bool) -> Iterable[Row]:
    """Start each function again and again, in turn with what nobody here can do without."""
    starts = 3 if quick else STARTS
    imports: dict[str, list[float]] = defaultdict(list)
    answers: dict[str, list[dict[str, float]]] = defaultdict(list)
    base: list[float] = []
    with package() as folder, functions(starts) as (one, found):
        for _ in range(starts):
            base.append(told(BASE, folder, one.environment)["imported"]["cpu"])
            for function in found:
                kept = function.start(folder, one.environment)
                imports[function.name].append(kept["imported"]["cpu"])
                answers[function.name].append(kept["answered"])
    yield from _rows(statistics.median(base), imports, answers)


def _rows(
    base: float, imports: dict[str, list[float]], answers: dict[str, list[dict[str, float]]]
) -> Iterable[Row]:
    yield Row(what="import of chalice.app and pynamodb.models", value=base, unit="ms")
    for name, taken in imports.items():
        imported = statistics.median(taken)
        first = statistics.median(one["cpu"] for one in answers[name])
        wall = statistics.median(one["wall"] for one in answers[name])
        most = FIRST_MS if name == DELIVERY else None
        yield Row(what=f"{name}: import", value=imported, unit="ms")
        yield Row(what=f"{name}: first event", value=first, unit="ms")
        yield Row(what=f"{name}: first event, wall", value=wall, unit="ms", most=most)
    ratio = statistics.median(imports[DELIVERY]) / base
    yield Row(what="import of app, to that of both", value=ratio, unit="x", most=RATIO)
