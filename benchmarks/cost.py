"""Dollars for a million firings, an idle month and a busy one.

Assumed, for lack of an account: the rate at which Lambda polls an idle queue.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app import app
from benchmarks import bulk_rows, busy
from benchmarks.dollars import (
    RECEIVED,
    REQUESTED,
    Use,
    count_metrics,
    measure_invocation,
    part_rows,
    total_row,
)
from benchmarks.gateway import Api, blueprint, hourly, make_delivery, webhook_trigger
from benchmarks.memory import memory_sizes
from benchmarks.meter import metered
from benchmarks.prices import MILLION
from benchmarks.report import Row
from benchmarks.stage import capture_output, stage
from chalicelib import wiring
from chalicelib.actions.firing import due_schedules
from chalicelib.actions.scheduler import tick as scheduler_tick
from infra.package import resources

FIRINGS = 50
POLLS = 5 * 3 * 60 * 24 * 30
"""Assumed: five pollers of a queue's event source, each waiting for twenty seconds at a time.

Lambda may use only two for a quiet queue, but not if the queue has a limit of concurrency.
"""
MINUTES = 60 * 24 * 30
KEY_REQUESTS = 12 * 24 * 30
"""DynamoDB requests a table's key in the account once in five minutes of traffic."""
MOST_IDLE_DOLLARS = 1.0


def idle(tick: Use, measured: int = 0) -> Use:
    """Return the use of a month in which nothing happens; each tick emits so many metrics."""
    made = [part for part in resources.template()["Resources"].values() if "Type" in part]
    types = [part["Type"] for part in made]
    polled = len(resources.queue_sources()) - 1  # without endpoints, no notifications are read
    fixed = {
        "messages": polled * POLLS,
        "alarms": types.count("AWS::CloudWatch::Alarm"),
        "dashboards": types.count("AWS::CloudWatch::Dashboard"),
        "secrets": types.count("AWS::SecretsManager::Secret"),
        "metrics": measured,
        "key requests": KEY_REQUESTS * sum(_has_key_in_account(part) for part in made),
    }
    return tick.times(MINUTES).and_(Use(fixed))


def _has_key_in_account(part: dict[str, Any]) -> bool:
    return bool(part["Properties"].get("SSESpecification", {}).get("SSEEnabled"))


def measure(quick: bool) -> Iterable[Row]:
    """Count the use of one of each, and price it."""
    schedule, webhook = _measure_firings()
    tick, printed = _measure_tick()
    for what, firing in (("schedule", schedule), ("webhook", webhook)):
        yield total_row(f"a million {what} firings", firing.times(MILLION))
        yield from part_rows(f"of a million {what} firings:", firing.times(MILLION))
    month = idle(tick, count_metrics(printed))
    yield total_row("an idle month", month, most=MOST_IDLE_DOLLARS)
    yield from part_rows("of the idle month:", month)
    yield from busy.month_rows(idle=month, schedule=schedule, webhook=webhook)


def _measure_firings() -> tuple[Use, Use]:
    """Return the use of a firing, by a schedule and by a webhook."""
    with stage() as bench_stage, capture_output() as printed:
        api = Api(app, bench_stage.admin_key())
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        source = bulk_rows.original(api.post("/api/tasks", blueprint(hourly(now))))
        pairs = bulk_rows.due_at(source, FIRINGS + 1, now)
        api.post("/api/tasks", blueprint(webhook_trigger("p")))
        due_schedules.fire_due_triggers(wiring.get_world(), pairs[:1])
        api.send(make_delivery("p", 0, with_id=False))
        begin = printed.tell()
        with metered() as fired:
            for pair in pairs[1:]:
                due_schedules.fire_due_triggers(wiring.get_world(), [pair])
        middle = printed.tell()
        with metered() as hooked:
            for number in range(FIRINGS):
                api.send(make_delivery("p", number + 1, with_id=False))
    memory, lines = memory_sizes(), printed.getvalue()
    schedule = measure_invocation(
        fired, memory["fire"], events=FIRINGS, printed=lines[begin:middle]
    )
    webhook = measure_invocation(
        hooked, memory["api_handler"], events=FIRINGS, printed=lines[middle:]
    )
    return schedule.and_(RECEIVED), webhook.and_(REQUESTED)


def _measure_tick() -> tuple[Use, str]:
    """Return the use of a tick that finds nothing, and its output."""
    with stage(), capture_output() as printed:
        scheduler_tick.run_tick(wiring.get_world())
        begin = printed.tell()
        with metered() as ticked:
            scheduler_tick.run_tick(wiring.get_world())
    lines = printed.getvalue()[begin:]
    return measure_invocation(ticked, memory_sizes()["tick"], printed=lines), lines
