"""Each function of the stage, with the first event that it gets in a cold process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from app import app
from benchmarks import bulk_rows, cold_process
from benchmarks.gateway import Api, blueprint, event, hourly, make_delivery, webhook_trigger
from benchmarks.stage import Stage, stage

COLD = """
{load} as function
imported = taken() | {{"peak": peak()}}
cpu, wall = time.process_time(), time.perf_counter()
answer = function(events, None)
figures = {{"imported": imported, "answered": taken() | {{"peak": peak()}}, "answer": str(answer)}}
"""


@dataclass(frozen=True)
class Function:
    """A function, how a process loads it, and events that are like no other."""

    name: str
    load: str
    events: Iterator[dict[str, Any]]

    def start(self, folder: Any, environment: dict[str, str]) -> dict[str, Any]:
        """Start it cold, let it take one event, and return what that took."""
        program = COLD.format(load=self.load)
        return cold_process.run_cold(program, folder, environment, next(self.events))


@contextmanager
def functions(most: int) -> Iterator[tuple[Stage, list[Function]]]:
    """Yield a stage and every function, with `most` events for each."""
    with stage() as bench_stage:
        api = Api(app, bench_stage.admin_key())
        yield bench_stage, [_hooked(api), _listed(api, bench_stage), *_stepping(api, most)]


def _hooked(api: Api) -> Function:
    api.post("/api/tasks", blueprint(webhook_trigger("cold")))
    events = (make_delivery("cold", number) for number in range(10**9))
    return Function("API, a delivery", "from app import app", events)


def _listed(api: Api, bench_stage: Stage) -> Function:
    headers = {"Authorization": f"Bearer {bench_stage.admin_key()}"}
    request = event("GET", "/api/tasks", b"", headers)
    return Function("API, a list of tasks", "from app import app", _again(request))


def _stepping(api: Api, most: int) -> Iterator[Function]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    source = bulk_rows.original(api.post("/api/tasks", blueprint(hourly(now))))
    pairs = bulk_rows.due_at(source, most, now)
    runs = [api.send(make_delivery("cold", -number - 1))["taskId"] for number in range(most)]
    messages: dict[str, Iterator[dict[str, Any]]] = {
        "fire": (_queued(triggerId=trigger_id, definitionId=owner) for trigger_id, owner in pairs),
        "advance": (_queued(step="run", runId=run) for run in runs),
        "consult": _again(_queued(step="consult", runId=_nobody())),
        "notify": _again(_queued(step="deliver", webhookId=_nobody(), place="nowhere")),
        "tick": _again(_told("aws.events", {})),
        "settle": _again(_told("aws.codebuild", _ended())),
    }
    for source_of in app.event_sources:
        module, _, name = source_of.handler_string.rpartition(".")
        # One that has no event here is named by the failure, so that none is forgotten.
        yield Function(name, f"from {module} import {name}", messages[name])


def _queued(**message: str) -> dict[str, Any]:
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps(message)}
    return {"Records": [record]}


def _told(source: str, detail: dict[str, Any]) -> dict[str, Any]:
    texts = dict.fromkeys(("version", "id", "account", "time", "region", "detail-type"), "")
    return {**texts, "source": source, "resources": [], "detail": detail}


def _ended() -> dict[str, Any]:
    """Return the end of a build whose run no longer exists."""
    values = {"OPTIO_RUN_ID": _nobody(), "OPTIO_LAUNCH_ID": _nobody()}
    variables = [{"name": name, "value": value} for name, value in values.items()]
    more = {"environment": {"environment-variables": variables}}
    return {"build-id": "build/optio:1", "build-status": "FAILED", "additional-information": more}


def _again(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        yield message


@cache
def _nobody() -> str:
    return str(uuid.uuid4())
