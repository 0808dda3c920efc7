"""Measures the lateness of fifty schedules on the warm local stack, over five minutes.

`python -m benchmarks.lateness` measures what `make dev` runs. A second table shows the
lateness of a plain poller, once a minute, for the same times.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from chalicelib.settings import settings
from infra.dev import dev_state
from infra.dev.demo import Api

SCHEDULES = 50
MINUTES = 5
RATIOS = {"p50": 40, "p99": 100, "commit p99": 8}
"""To the median of a request that does nothing (`/api/health`), in the same minutes."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def main() -> None:
    """Make the schedules, wait for them, and print what came of each."""
    state = dev_state.state_folder()
    card = dev_state.card(state)
    api = Api(card["url"], card["token"])
    _warm(api)
    begun = datetime.now(UTC)
    first = (begun + timedelta(minutes=2)).replace(second=0, microsecond=0)
    moments = [first + timedelta(minutes=number % MINUTES) for number in range(SCHEDULES)]
    scheduled = [(_scheduled(api, at, number), at) for number, at in enumerate(moments)]
    end = moments[-1] + timedelta(minutes=MINUTES - (SCHEDULES - 1) % MINUTES, seconds=20)
    print(f"{SCHEDULES} schedules from {first:%H:%M} UTC on; {MINUTES + 2} minutes …", flush=True)
    bare: list[float] = []
    while datetime.now(UTC) < end:
        bare.append(_bare_ms(api))
        time.sleep(2)
    lateness = [_lateness(api, task, at) for task, at in scheduled]
    for task, _ in scheduled:
        api.call("DELETE", f"/api/tasks/{task}")
    polled = [60_000 * (number + 0.5) / len(lateness) for number in range(len(lateness))]
    _tell("from the cron instant to the queued task", lateness)
    _tell("a poller that looks once a minute, at any second of it", polled)
    commits = _commits(state, begun)
    if commits:
        _tell("from receipt (or the moment itself) to the commit", commits)
    _tell("a request that does nothing", bare)
    measured = {
        "p50": percentile(lateness, 50),
        "p99": percentile(lateness, 99),
        "commit p99": percentile(commits or [0], 99),
    }
    ratios = {name: value / percentile(bare, 50) for name, value in measured.items()}
    shown = ", ".join(f"{name} {ratio:.1f} (≤ {RATIOS[name]})" for name, ratio in ratios.items())
    good = min(lateness) >= 0 and all(ratio <= RATIOS[name] for name, ratio in ratios.items())
    print(f"{'within' if good else 'NOT within'} the budgets: {shown}")
    sys.exit(0 if good else 1)


def _definition(name: str, triggers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "standalone",
        "name": name,
        "prompt": "Nothing.",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": triggers,
    }


def _bare_ms(api: Api) -> float:
    began = time.perf_counter()
    api.call("GET", "/api/health")
    return 1000 * (time.perf_counter() - began)


def _warm(api: Api) -> None:
    """Let each function be called before anything is measured."""
    cron = {"cronExpression": "* * * * *"}
    body = _definition("warm", [{"type": "schedule", "config": cron}])
    task = api.call("POST", "/api/tasks", body)["task"]["id"]
    while not api.call("GET", f"/api/tasks/{task}/runs")["runs"]:
        time.sleep(1)
    api.call("DELETE", f"/api/tasks/{task}")


def _scheduled(api: Api, at: datetime, number: int) -> str:
    cron = {"cronExpression": f"{at.minute} {at.hour} {at.day} {at.month} *"}
    body = _definition(f"lateness {number}", [{"type": "schedule", "config": cron}])
    return str(api.call("POST", "/api/tasks", body)["task"]["id"])


def _lateness(api: Api, task: str, at: datetime) -> float:
    runs = api.call("GET", f"/api/tasks/{task}/runs")["runs"]
    if len(runs) != 1:
        raise SystemExit(f"task {task} fired {len(runs)} times")
    queued = api.call("GET", f"/api/tasks/{runs[0]['id']}/events")["events"][0]["createdAt"]
    return (datetime.fromisoformat(queued) - at) / timedelta(milliseconds=1)


def _commits(state: Path, since: datetime) -> list[float]:
    """Return the milliseconds to each commit, from the metrics that the function printed."""
    os.environ.update(dev_state.card(state)["aws"])
    logs = boto3.client("logs")
    delays: list[float] = []
    for group in logs.describe_log_groups(logGroupNamePrefix=settings.log_group_of(""))[
        "logGroups"
    ]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=int(since.timestamp() * 1000)
        )
        for page in pages:
            delays += [value for event in page["events"] for value in _committed(event["message"])]
    return delays


def _committed(message: str) -> list[float]:
    values: list[float] = []
    for line in message.splitlines():
        _, brace, rest = line.partition("{")
        try:
            value = json.loads(brace + rest)["FiringCommitted"]
        except (ValueError, KeyError, TypeError):
            continue
        values += value if isinstance(value, list) else [value]
    return values


def _tell(what: str, values: Sequence[float]) -> None:
    shown = "  ".join(f"p{p} {percentile(values, p):6.0f} ms" for p in (50, 90, 99, 100))
    print(f"{what:52} n {len(values):3}  {shown}", flush=True)


if __name__ == "__main__":
    main()
