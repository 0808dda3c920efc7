"""The tick with nothing due: what it costs may not depend on how much is registered."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app import app
from benchmarks import bulk_rows
from benchmarks.gateway import Api, blueprint, minutely
from benchmarks.meter import Meter, metered, recorded, replayed
from benchmarks.report import Row
from benchmarks.stage import Stage, stage
from chalicelib import wiring
from chalicelib.actions.scheduler import tick
from chalicelib.storage.blueprint_rows import trigger_record

REGISTERED = (1_000, 10_000, 100_000)
QUICK = (100, 300, 1_000)
ROUNDS, TICKS = 12, 20
RATIO = 1.2


def measure(quick: bool) -> Iterable[Row]:
    """Tick on stages of different sizes in turn, so that all have the same weather."""
    sizes = QUICK if quick else REGISTERED
    taken: dict[int, list[Meter]] = {size: [] for size in sizes}
    theirs: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        stages = {size: stack.enter_context(stage()) for size in sizes}
        for size, bench_stage in stages.items():
            bench_stage.use()
            _register(bench_stage, size)
        for _ in range(3 if quick else ROUNDS):
            for size, bench_stage in stages.items():
                bench_stage.use()
                tick.run_tick(wiring.get_world())
                before = bench_stage.cpu()
                taken[size].append(_ticked())
                theirs[size].append(1000 * (bench_stage.cpu() - before))
    yield from _told(taken, theirs)


def _register(bench_stage: Stage, size: int) -> None:
    created = Api(app, bench_stage.admin_key()).post("/api/tasks", blueprint(minutely()))
    far = datetime.now(UTC) + timedelta(days=300)
    source = bulk_rows.original(created)
    bulk_rows.due_at(source, size - 1, far, owned=False)
    bulk_rows.write(
        [bulk_rows.item(trigger_record(replace(source[1], next_fire_at=far, due_at=far)))]
    )


def _ticked() -> Meter:
    """Tick once, and then with the same answers: waiting for an emulator would chill our caches."""
    with recorded() as answers:
        assert tick.run_tick(wiring.get_world()) == 0
    with replayed(answers), metered() as meter:
        for _ in range(TICKS):
            assert tick.run_tick(wiring.get_world()) == 0
    return meter


def _told(taken: dict[int, list[Meter]], theirs: dict[int, list[float]]) -> Iterable[Row]:
    cpu = {
        size: statistics.median(1000 * meter.cpu / TICKS for meter in meters)
        for size, meters in taken.items()
    }
    for size, meters in taken.items():
        calls = sum(meters[0].calls.values()) / TICKS
        units = (meters[0].read_units + meters[0].write_units) / TICKS
        label = f"{size:,} registered, none due"
        yield Row(
            what=f"{label}: CPU of a tick, AWS's answers replayed", value=cpu[size], unit="ms"
        )
        yield Row(what=f"{label}: calls", value=calls, unit="calls")
        yield Row(what=f"{label}: capacity", value=units, unit="units")
        own = statistics.median(theirs[size])
        yield Row(what=f"{label}: the emulator's own CPU", value=own, unit="ms")
    first, last = min(cpu), max(cpu)
    ratio = cpu[last] / cpu[first]
    yield Row(what=f"CPU, {last:,} to {first:,}", value=ratio, unit="x", most=RATIO)
    same = float(taken[first][0].calls == taken[last][0].calls)
    yield Row(what="the same calls for any number registered", value=same, unit="(1: yes)", least=1)
