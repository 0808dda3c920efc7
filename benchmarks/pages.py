"""Measures the warm response time of each page of `make dev` with many runs and blueprints.

The rows are written at once, by the stores' own functions: made through the API, ten thousand
runs would keep the runner busy beside what is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import urllib.parse
from http.client import HTTPConnection
from pathlib import Path

from infra.dev import dev_state

RUNS, DEFINITIONS, TIMES = 10_000, 1_000, 20
YARDSTICK = "/api/health"
RATIO = 12
"""Of a page's median to the yardstick's: the same way through front, emulator and function."""


def filled(state: Path, runs: int, blueprints: int) -> dict[str, str]:
    """Fill the stage, unless it is filled; return the ids that pages are asked for."""
    file = state / f"bench-pages-{runs}-{blueprints}.json"
    if not file.exists():
        os.environ.update(dev_state.card(state)["aws"], STAGE="dev")
        from benchmarks.seed_stage import fill  # noqa: PLC0415 - reads the environment

        file.write_text(json.dumps(fill(runs, blueprints)))
    ids: dict[str, str] = json.loads(file.read_text())
    return ids


def pages(ids: dict[str, str]) -> list[str]:
    """Return the paths that are measured."""
    run, blueprint, talker = ids["run"], ids["definition"], ids["talker"]
    return [
        "/tasks",
        "/tasks?state=failed",
        "/tasks?repo=https://example.invalid/acme/service-1",
        f"/tasks?definition={blueprint}",
        "/tasks?q=bump",
        "/tasks/scheduled",
        f"/tasks/scheduled/{blueprint}",
        f"/tasks/scheduled/{blueprint}/edit",
        f"/tasks/{run}",
        f"/tasks/{talker}",
        f"/tasks/{talker}/log?cursor=-1.25000&many=1",
        "/tasks/new",
        *("/templates", "/repos", "/secrets", "/welcome"),
        *("/tickets", "/settings", "/settings/webhooks", "/activity"),
    ]


class Reader:
    """A signed-in reader with one connection."""

    def __init__(self, url: str, token: str) -> None:
        self._line = HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        self._line.request("POST", "/login", urllib.parse.urlencode({"key": token}), kind)
        answer = self._line.getresponse()
        answer.read()
        self._cookie = str(answer.getheader("Set-Cookie")).split(";")[0]

    def get(self, path: str) -> tuple[float, int]:
        """Return how many milliseconds a page took, and its bytes over the wire."""
        headers = {"Cookie": self._cookie, "Accept-Encoding": "gzip"}
        began = time.perf_counter()
        self._line.request("GET", path, headers=headers)
        answer = self._line.getresponse()
        size = len(answer.read())
        assert answer.status == 200, (path, answer.status)
        return 1000 * (time.perf_counter() - began), size


def measure(reader: Reader, paths: list[str]) -> list[str]:
    """Print the median and the 95th percentile of each page; return those over the budget."""
    slow = []
    print("| page | median ms | p95 ms | bytes | to the yardstick |\n|---|---|---|---|---|")
    for path in paths:
        bare = statistics.median(reader.get(YARDSTICK)[0] for _ in range(TIMES))
        for _ in range(2):
            reader.get(path)
        readings = sorted(reader.get(path) for _ in range(TIMES))
        median = statistics.median(taken for taken, _ in readings)
        ratio = median / bare
        shown = (
            f"| {path} | {median:.0f} | {readings[-2][0]:.0f} | {readings[0][1]} | {ratio:.1f} |"
        )
        print(shown, flush=True)
        slow += [path] if ratio > RATIO else []
    return slow


def main() -> None:
    """Fill the stage, unless it is filled, and measure."""
    state = dev_state.state_folder()
    card = dev_state.card(state)
    runs = int(os.environ.get("RUNS") or RUNS)
    blueprints = int(os.environ.get("DEFINITIONS") or DEFINITIONS)
    ids = filled(state, runs, blueprints)
    slow = measure(Reader(card["url"], card["token"]), pages(ids))
    budget = f"{RATIO} times {YARDSTICK}"
    print(f"NOT within {budget}: {', '.join(slow)}" if slow else f"all within {budget}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
