"""How fast each page answers, warm, on what `make dev` runs, filled with runs and definitions."""

from __future__ import annotations

import json
import os
import statistics
import time
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from infra.emulator import ROOT

RUNS, DEFINITIONS, TIMES = 10_000, 1_000, 20
NEW = {"agentType": "command", "agentCommand": "true", "repoUrl": "https://example.invalid/a/b"}


class Api:
    """The API as anybody uses it."""

    def __init__(self, card: dict[str, Any]) -> None:
        self.url, self.token = card["url"], card["token"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")


def fill(api: Api, runs: int, definitions: int) -> str:
    """Make what is asked for; return the id of a definition that has runs."""

    def definition(number: int) -> str:
        schedule = {"type": "schedule", "config": {"cronExpression": f"{number % 60} 3 1 1 *"}}
        asked = {**NEW, "type": "repo-blueprint", "name": f"Definition {number}", "prompt": "p"}
        made = api.call("POST", "/api/tasks", {**asked, "triggers": [schedule]})
        return str(made["task"]["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(definition, range(definitions)))
        run = lambda number: api.call("POST", f"/api/tasks/{ids[number % 40]}/runs", {})  # noqa: E731
        list(pool.map(run, range(runs)))
    return ids[0]


def measure(api: Api, paths: dict[str, str]) -> None:
    """Print the median and the 95th percentile of each page, on one connection."""
    host = urllib.parse.urlsplit(api.url).netloc
    line = HTTPConnection(host, timeout=60)
    form = urllib.parse.urlencode({"key": api.token})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    line.request("POST", "/login", form, kind)
    answer = line.getresponse()
    answer.read()
    cookie = str(answer.getheader("Set-Cookie")).split(";")[0]
    print("| page | median ms | p95 ms | bytes |\n|---|---|---|---|")
    for name, path in paths.items():
        taken, size = [], 0
        for _ in range(TIMES + 2):
            began = time.perf_counter()
            line.request("GET", path, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
            answer = line.getresponse()
            size = len(answer.read())
            taken.append(1000 * (time.perf_counter() - began))
            assert answer.status == 200, (path, answer.status)
        warm = sorted(taken[2:])
        print(f"| {name} | {statistics.median(warm):.0f} | {warm[-2]:.0f} | {size} |", flush=True)


def main() -> None:
    """Fill the stage, unless it is filled, and measure."""
    state = Path(os.environ.get("OPTIO_STATE") or ROOT / ".optio").resolve()
    api = Api(json.loads((state / "dev.json").read_text()))
    runs = int(os.environ.get("RUNS") or RUNS)
    definitions = int(os.environ.get("DEFINITIONS") or DEFINITIONS)
    kept = state / f"bench-pages-{runs}-{definitions}"
    if not kept.exists():
        kept.write_text(fill(api, runs, definitions))
    definition = str(uuid.UUID(kept.read_text()))
    run = api.call("GET", f"/api/tasks/{definition}/runs?limit=1")["runs"][0]["id"]
    measure(
        api,
        {
            "/tasks": "/tasks",
            "/tasks?state=failed": "/tasks?state=failed",
            "/tasks/scheduled": "/tasks/scheduled",
            "/tasks/scheduled/…": f"/tasks/scheduled/{definition}",
            "/tasks/…": f"/tasks/{run}",
            "/tasks/new": "/tasks/new",
            "/templates": "/templates",
            "/repos": "/repos",
            "/secrets": "/secrets",
            "/welcome": "/welcome",
        },
    )


if __name__ == "__main__":
    main()
