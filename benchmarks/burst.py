"""A burst: everything due in the same minute. Each task exactly once, and how late the last is."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app import app
from benchmarks import bulk_rows
from benchmarks.gateway import Api, blueprint, hourly
from benchmarks.report import Row, spread
from benchmarks.stage import client, forget, stage
from chalicelib import wiring
from chalicelib.actions.scheduler import tick
from chalicelib.domain.ids import TriggerId
from chalicelib.pipeline.schedule_steps import fire
from chalicelib.settings import settings
from chalicelib.storage.records import FiringRecord, RunRecord

SIZE = int(os.environ.get("BURST") or 10_000)
QUICK = 200
WORKERS = 2
IDLE_SECONDS = 2
"""How long an empty queue is asked again, before a worker believes that it is empty."""


def measure(quick: bool) -> Iterable[Row]:
    """Let everything come due at one moment, and let two workers take it from the queue."""
    size = QUICK if quick else SIZE
    with stage() as bench_stage:
        moment = _moment(size)
        created = Api(app, bench_stage.admin_key()).post("/api/tasks", blueprint(hourly(moment)))
        source = bulk_rows.original(created)
        due = {
            source[1].id,
            *(trigger_id for trigger_id, _ in bulk_rows.due_at(source, size - 1, moment)),
        }
        filled = datetime.now(UTC)
        sent = tick.run_tick(wiring.get_world())
        ticked = datetime.now(UTC)
        before = bench_stage.cpu()
        cpu = _worked(moment)
        theirs = bench_stage.cpu() - before
        runs, firings = _kept()
    yield Row(what="triggers due in one minute", value=size, unit="")
    yield Row(what="messages sent by one tick", value=sent, unit="", least=size)
    yield Row(what="the tick, wall", value=(ticked - filled).total_seconds(), unit="s")
    yield from _exactly_once(runs, firings, due)
    yield from _how_late(runs, max(moment, ticked))
    yield Row(what=f"CPU of {WORKERS} workers, each task", value=1000 * cpu / size, unit="ms")
    yield Row(what="the emulator's own CPU, each task", value=1000 * theirs / size, unit="ms")


def _moment(size: int) -> datetime:
    """Return a minute that comes soon, but not before all is filled in."""
    filled = datetime.now(UTC) + timedelta(seconds=max(20, size / 400))
    return filled.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _worked(moment: datetime) -> float:
    """Let workers empty the queue; return the CPU seconds that they used."""
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        return sum(pool.map(_work, [moment] * WORKERS))


def _work(moment: datetime) -> float:
    """Take batches from the queue, as the event source of a function does, until none is left."""
    forget()
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() - 1))
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=settings.queue_name("fire"))["QueueUrl"]
    began, last = time.process_time(), time.monotonic()
    while time.monotonic() - last < IDLE_SECONDS:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if messages:
            _taken(sqs, url, messages)
            last = time.monotonic()
        else:
            time.sleep(0.1)
    return time.process_time() - began


def _taken(sqs: Any, url: str, messages: list[dict[str, Any]]) -> None:
    records = [
        {"messageId": message["MessageId"], "receiptHandle": "", "body": message["Body"]}
        for message in messages
    ]
    failed = {
        failure["itemIdentifier"]
        for failure in fire({"Records": records}, None)["batchItemFailures"]
    }
    done = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(messages)
        if message["MessageId"] not in failed
    ]
    if done:
        sqs.delete_message_batch(QueueUrl=url, Entries=done)


def _kept() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    runs = [json.loads(row.data) for row in RunRecord.scan()]
    return runs, [json.loads(row.data) for row in FiringRecord.scan()]


def _exactly_once(
    runs: list[dict[str, Any]], firings: list[dict[str, Any]], due: set[TriggerId]
) -> Iterable[Row]:
    tasks = Counter(run["trigger_id"] for run in runs)
    records = Counter(firing["trigger_id"] for firing in firings)
    wrong = sum(tasks[trigger_id] != 1 or records[trigger_id] != 1 for trigger_id in due)
    yield Row(what="tasks", value=len(runs), unit="", least=len(due), most=len(due))
    yield Row(what="triggers without exactly one task and record", value=wrong, unit="", most=0)


def _how_late(runs: list[dict[str, Any]], began: datetime) -> Iterable[Row]:
    """Count from the moment, or from the tick where filling the stage took longer than that."""
    born = [datetime.fromisoformat(run["created_at"]) for run in runs]
    seconds = [(at - began).total_seconds() for at in born]
    yield Row(what="earliest task, wall", value=min(seconds), unit="s", least=0)
    yield from spread("from the moment to a task, wall", seconds, "s")
    yield Row(what="from the moment to the last task, wall", value=max(seconds), unit="s")
    yield Row(what="tasks a second, wall", value=len(seconds) / max(seconds), unit="/s")
