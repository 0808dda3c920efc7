"""Webhook ingress: latency and rate, warm and cold, with one webhook registered and with many.

As Lambda does it, each request in flight has a worker process of its own, which takes one request
at a time. The emulator answers them all, so beyond a few at once the waiting is for it.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from app import app
from benchmarks import bulk_rows, yardstick
from benchmarks.cold_process import BEFORE, clean, package
from benchmarks.gateway import Api, blueprint, make_delivery, webhook_trigger
from benchmarks.report import Row, spread
from benchmarks.stage import Stage, stage

CONCURRENCY = (1, 8, 32)
MANY, FEW = 10_000, 300
REQUESTS = 320
ROUNDS = 5
BARE_RATIO, RATIO = 4.8, 1.2
"""Of the CPU of a delivery to the least that one could be; of many webhooks to one."""
WORKER = """
{application}
said, sys.stdout = sys.stdout, open("/dev/null", "w")
def replay(event):
    from itertools import cycle
    from botocore.httpsession import URLLib3Session
    answers, send = [], URLLib3Session.send
    def kept(self, request):
        answers.append(send(self, request))
        return answers[-1]
    URLLib3Session.send = kept
    app(event, None)
    again = cycle(answers)
    URLLib3Session.send = lambda self, request: next(again)
for line in sys.stdin:
    event = json.loads(line)
    if event.pop("replay", False):
        replay(event)
    cpu, wall = time.process_time(), time.perf_counter()
    answer = app(event, None)
    print(json.dumps(taken() | {"status": answer["statusCode"]}), file=said, flush=True)
"""

BARE = f"""
import botocore.session
from chalice.app import Chalice, Response
app = Chalice("bare")
puts = [{{"Put": put}} for put in {yardstick.PUTS!r}]
client = botocore.session.get_session().create_client("dynamodb", "us-east-1")
@app.route("/api/hooks/{{path}}", methods=["POST"])
def take(path):
    assert app.current_request.json_body
    client.transact_write_items(TransactItems=puts)
    return Response({{"taken": path}}, status_code=202)
"""
"""The least that a delivery could be: a request of chalice, and a transaction of botocore."""


class Worker:
    """A process of the API's function, or of the least that one could be; it starts cold."""

    def __init__(
        self, folder: Path, bench_stage: Stage, application: str = "from app import app"
    ) -> None:
        program = WORKER.replace("{application}", application)
        whole = BEFORE.replace('events = json.loads(sys.stdin.read() or "null")', "") + program
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", whole, str(folder)],
            env=clean(folder) | bench_stage.environment | {"OPTIO_HOOK_RATE": "100000"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, event: dict[str, Any]) -> tuple[float, float]:
        """Return the milliseconds of one request: as its sender sees it, and our CPU."""
        assert self._process.stdin
        assert self._process.stdout
        began = time.perf_counter()
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["status"] != 202:
            raise RuntimeError(f"a delivery was answered {answer['status']}")
        return 1000 * (time.perf_counter() - began), float(answer["cpu"])

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Site:
    """A stage with webhooks, and its measurements."""

    stage: Stage
    paths: list[str]
    numbers: Iterator[int] = field(default_factory=count)
    lock: Any = field(default_factory=Lock)

    def event(self) -> dict[str, Any]:
        with self.lock:
            return make_delivery(random.choice(self.paths), next(self.numbers))


def measure(quick: bool) -> Iterable[Row]:
    """Compare the two stages in turn, then load the one with many webhooks."""
    hooks, requests = (FEW, 64) if quick else (MANY, REQUESTS)
    with package() as folder, ExitStack() as stack:
        sites = {number: _site(stack.enter_context(stage()), number) for number in (1, hooks)}
        yield from _compared(folder, sites, 20 if quick else 100)
        for concurrency in CONCURRENCY:
            yield from _loaded(folder, sites[hooks], concurrency, requests)


def _site(bench_stage: Stage, number: int) -> Site:
    bench_stage.use()
    created = Api(app, bench_stage.admin_key()).post(
        "/api/tasks", blueprint(webhook_trigger("first"))
    )
    return Site(
        bench_stage, ["first", *bulk_rows.listening(bulk_rows.original(created), number - 1)]
    )


@contextmanager
def _workers(folder: Path, bench_stage: Stage, number: int) -> Iterator[list[Worker]]:
    workers = [Worker(folder, bench_stage) for _ in range(number)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.end()


def _compared(folder: Path, sites: dict[int, Site], requests: int) -> Iterable[Row]:
    """Ask both stages in turn, one request at a time: the weather is the same for both."""
    taken: dict[int, list[tuple[float, float]]] = {number: [] for number in sites}
    with ExitStack() as stack:
        workers = {
            number: stack.enter_context(_workers(folder, site.stage, 1))[0]
            for number, site in sites.items()
        }
        for number, site in sites.items():
            for _ in range(10):
                workers[number].ask(site.event())
        for _ in range(ROUNDS * requests):
            for number, site in sites.items():
                taken[number].append(workers[number].ask(site.event()))
        alone = {number: _alone(workers[number], site, requests) for number, site in sites.items()}
        site = sites[min(sites)]
        least = Worker(folder, site.stage, BARE)
        stack.callback(least.end)
        bare = _alone(least, site, requests)
    yield Row(what="the least that a delivery could be: CPU, replayed", value=bare, unit="ms")
    cpu = {
        number: statistics.median(timing[1] for timing in timings)
        for number, timings in taken.items()
    }
    wall = {
        number: statistics.median(timing[0] for timing in timings)
        for number, timings in taken.items()
    }
    for number in sites:
        label = f"{number:,} hook{'s' if number > 1 else ''}"
        yield Row(what=f"{label}: CPU of a request", value=cpu[number], unit="ms")
        what = f"{label}: requests a second per worker, AWS's answers replayed"
        yield Row(what=what, value=1000 / alone[number], unit="/s")
        ratio = alone[number] / bare
        yield Row(
            what=f"{label}: CPU, replayed, to the least", value=ratio, unit="x", most=BARE_RATIO
        )
        yield Row(what=f"{label}: latency with the emulator, p50", value=wall[number], unit="ms")
    first, last = min(sites), max(sites)
    for name, medians in (("CPU", cpu), ("latency, p50", wall)):
        ratio = medians[last] / medians[first]
        yield Row(what=f"{name}, {last:,} hooks to {first}", value=ratio, unit="x", most=RATIO)


def _alone(worker: Worker, site: Site, requests: int) -> float:
    """Return the CPU milliseconds of a request, with the answers of one given again at once."""
    worker.ask(site.event() | {"replay": True})
    return statistics.median(worker.ask(site.event())[1] for _ in range(2 * requests))


def _loaded(folder: Path, site: Site, concurrency: int, requests: int) -> Iterable[Row]:
    """Yield what senders see of cold workers, then of warm ones."""
    with (
        _workers(folder, site.stage, concurrency) as workers,
        ThreadPoolExecutor(concurrency) as pool,
    ):
        cold = list(pool.map(lambda worker: worker.ask(site.event())[0], workers))
        list(pool.map(lambda worker: worker.ask(site.event()), workers))
        each = max(4, requests // concurrency)
        before, began = site.stage.cpu(), time.perf_counter()
        batches = pool.map(lambda worker: [worker.ask(site.event()) for _ in range(each)], workers)
        warm = [timing for batch in batches for timing in batch]
        passed, theirs = time.perf_counter() - began, site.stage.cpu() - before
    label = f"{concurrency} at once"
    yield from spread(f"{label}, cold, process and all", cold)
    yield from spread(f"{label}, warm", [timing[0] for timing in warm])
    yield Row(what=f"{label}: rate on this machine", value=len(warm) / passed, unit="/s")
    cpu = sum(timing[1] for timing in warm) / len(warm)
    yield Row(what=f"{label}: CPU of a request", value=cpu, unit="ms")
    emulator = 1000 * theirs / len(warm)
    yield Row(what=f"{label}: the emulator's own CPU of a request", value=emulator, unit="ms")
