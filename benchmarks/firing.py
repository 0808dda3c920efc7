"""A firing: our CPU, calls and capacity units of each, and where the time goes."""

from __future__ import annotations

import cProfile
import pstats
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from app import app
from benchmarks import bulk_rows, yardstick
from benchmarks.gateway import Api, blueprint, hourly, make_delivery, webhook_trigger
from benchmarks.meter import Meter, metered
from benchmarks.report import Row
from benchmarks.stage import Stage, stage
from chalicelib import wiring
from chalicelib.actions.firing import due_schedules

BATCH = 10
RATIOS = {"schedule": 5, f"schedule, {BATCH} a batch": 3.5, "webhook": 7}
"""Of the CPU of a firing to a bare transaction; of a webhook, to one and a bare request."""
UNITS = {"schedule": 16, "webhook": 14}
FIRINGS, ROUNDS = 50, 12


def measure(quick: bool) -> Iterable[Row]:
    """Fire by schedule and by webhook in turn."""
    rounds = 3 if quick else ROUNDS
    with stage() as bench_stage:
        ways = _ways(bench_stage, (rounds + 2) * FIRINGS)
        meters: dict[str, list[Meter]] = {name: [] for name in ways}
        theirs: Counter[str] = Counter()
        transactions, requests = [], []
        for number in range(rounds + 1):
            transactions.append(yardstick.transaction_ms())
            requests.append(yardstick.request_ms())
            for name, fire in ways.items():
                before = bench_stage.cpu()
                with metered() as meter:
                    fire()
                if number:  # the first one warms up
                    meters[name].append(meter)
                    theirs[name] += int(1e6 * (bench_stage.cpu() - before))
        for name, readings in meters.items():
            yield from _told(name, readings, theirs[name] / 1000 / FIRINGS / rounds)
        transaction, request = statistics.median(transactions), statistics.median(requests)
        yield Row(what="a bare transaction of botocore: CPU", value=transaction, unit="ms")
        yield Row(what="a bare request of chalice: CPU", value=request, unit="ms")
        for name, readings in meters.items():
            bare = transaction + (request if name == "webhook" else 0)
            ratio = _cpu_ms(readings) / bare
            yield Row(what=f"{name}: CPU, to bare", value=ratio, unit="x", most=RATIOS[name])
        for name, fire in ways.items():
            yield from _profiled(name, fire)


def _ways(bench_stage: Stage, most: int) -> dict[str, Callable[[], None]]:
    """Return what fires fifty times: alone, in batches as the queue gives them, by webhook."""
    api = Api(app, bench_stage.admin_key())
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    source = bulk_rows.original(api.post("/api/tasks", blueprint(hourly(now))))
    pairs = iter(bulk_rows.due_at(source, 2 * most, now))
    api.post("/api/tasks", blueprint(webhook_trigger("p")))
    numbers = count()

    def taken(number: int) -> Iterator[list[bulk_rows.Pair]]:
        for _ in range(FIRINGS // number):
            yield [next(pairs) for _ in range(number)]

    def singly() -> None:
        for batch in taken(1):
            due_schedules.fire_due_triggers(wiring.get_world(), batch)

    def together() -> None:
        for batch in taken(BATCH):
            due_schedules.fire_due_triggers(wiring.get_world(), batch)

    def hooked() -> None:
        for _ in range(FIRINGS):
            api.send(make_delivery("p", next(numbers), with_id=False))

    return {"schedule": singly, f"schedule, {BATCH} a batch": together, "webhook": hooked}


def _told(name: str, meters: list[Meter], theirs: float) -> Iterable[Row]:
    cpu = _cpu_ms(meters)
    aws = statistics.median(1000 * meter.botocore_cpu / FIRINGS for meter in meters)
    waited = statistics.median(1000 * meter.waited / FIRINGS for meter in meters)
    units = meters[-1].write_units / FIRINGS
    most = UNITS[name.partition(",")[0]]
    yield Row(what=f"{name}: CPU, all of our process", value=cpu, unit="ms")
    yield Row(what=f"{name}: of it in botocore", value=aws, unit="ms")
    yield Row(what=f"{name}: wall, waiting for the emulator", value=waited, unit="ms")
    yield Row(what=f"{name}: the emulator's own CPU", value=theirs, unit="ms")
    yield Row(what=f"{name}: firings a second per worker", value=1000 / cpu, unit="/s")
    yield Row(what=f"{name}: write units", value=units, unit="units", most=most)
    yield Row(what=f"{name}: read units", value=meters[-1].read_units / FIRINGS, unit="units")
    calls = sum(meters[-1].calls.values()) / FIRINGS
    yield Row(what=f"{name}: calls to AWS", value=calls, unit="calls")


def _cpu_ms(meters: list[Meter]) -> float:
    return statistics.median(1000 * meter.cpu / FIRINGS for meter in meters)


def _profiled(name: str, fire: Callable[[], None]) -> Iterable[Row]:
    """Yield who spends how much of the CPU, by package, as a profiler sees it."""
    profile = cProfile.Profile()
    profile.runcall(fire)
    spent: Counter[str] = Counter()
    for (file, _, function), row in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "recv_into" not in function and "readinto" not in function:
            spent[_owner(file)] += round(1e6 * row[2])
    whole = sum(spent.values())
    for owner, micros in spent.most_common(6):
        yield Row(what=f"{name}: share of {owner}", value=100 * micros / whole, unit="%")


def _owner(file: str) -> str:
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if "chalicelib" in parts or file.startswith(str(Path(__file__).parent)):
        return "chalicelib"
    inside = file.startswith(("~", "<", sys.base_prefix))
    return "Python itself" if inside else parts[-1]
