"""Saving the emulator's state: what requests notice of it, with many runs stored."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.report import Row, percentile
from benchmarks.stage import Stage, client, fill_stage, forget
from chalicelib.storage.records import CounterRecord, RunRecord

RUNS, QUICK_RUNS = 10_000, 300
ROUNDS, REQUESTS, QUICK_REQUESTS = 4, 1_500, 300
RATIO = 1.5
NEVER_SECONDS = 86_400.0


def measure(quick: bool) -> Iterable[Row]:
    """Send the same requests in turn while the state is saved and while it is not."""
    folder = Path(tempfile.mkdtemp(prefix="optio-bench-"))
    before = dict(os.environ)
    try:
        _fill(folder, QUICK_RUNS if quick else RUNS)
        yield from _compared(folder, QUICK_REQUESTS if quick else REQUESTS)
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, runs: int) -> None:
    emulator = _started(folder, NEVER_SECONDS)
    try:
        fill_stage()
        from benchmarks.seed_stage import fill  # noqa: PLC0415 - reads the environment

        fill(runs, max(10, runs // 10))
    finally:
        emulator.stop()


def _compared(folder: Path, requests: int) -> Iterable[Row]:
    taken: dict[str, list[float]] = {"without": [], "with": []}
    saved = 0
    for _ in range(ROUNDS):
        for name, seconds in (("without", NEVER_SECONDS), ("with", Stage.save_seconds)):
            emulator = _started(folder, seconds)
            first = _newest(folder)
            try:
                _requests(requests // 10)
                taken[name] += _requests(requests)
                saved += _newest(folder) - first
            finally:
                emulator.stop()
    yield Row(what="snapshots taken meanwhile", value=saved, unit="", least=ROUNDS)
    for percent in (50, 99):
        without, with_ = (percentile(taken[name], percent) for name in ("without", "with"))
        yield Row(what=f"a request without saving, wall, p{percent}", value=without, unit="ms")
        yield Row(what=f"a request while saving, wall, p{percent}", value=with_, unit="ms")
        ratio = with_ / without
        most = RATIO if percent == 99 else None
        yield Row(what=f"with to without, p{percent}", value=ratio, unit="x", most=most)


def _started(folder: Path, seconds: float) -> Stage:
    emulator = Stage(folder)
    emulator.save_seconds = seconds
    emulator.use()
    emulator.start()
    return emulator


def _requests(number: int) -> list[float]:
    """Return the milliseconds of transactions and of reads, each of which is a request."""
    dynamodb = client("dynamodb")
    counters, runs = CounterRecord.Meta.table_name, RunRecord.Meta.table_name
    taken = []
    for index in range(number):
        rows = [{"id": {"S": f"saving-{index % 50}-{other}"}} for other in range(4)]
        began = time.perf_counter()
        if index % 2:
            dynamodb.scan(TableName=runs, Limit=20)
        else:
            puts = [{"Put": {"TableName": counters, "Item": row}} for row in rows]
            dynamodb.transact_write_items(TransactItems=puts)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def _newest(folder: Path) -> int:
    names = [path.stem for path in (folder / "aws" / "snapshots").glob("snapshot-*.json")]
    return max((int(name.rpartition("-")[2]) for name in names), default=0)
