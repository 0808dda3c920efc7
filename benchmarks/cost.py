"""Dollars: what a million firings and an idle month cost, from what was counted and list prices.

Counted: calls, capacity units and CPU, on this machine. Assumed, for lack of an account: how long
AWS takes to answer a call, how fast its CPU is, and how often idle queues are asked.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime

from app import app
from benchmarks import bulk_rows
from benchmarks.gateway import Api, blueprint, delivery, hourly, webhook_trigger
from benchmarks.memory import memory_sizes
from benchmarks.meter import Meter, metered
from benchmarks.prices import AS_OF, MILLION, PRICES
from benchmarks.report import Row
from benchmarks.stage import stage
from chalicelib import wiring
from chalicelib.actions.firing import due_schedules
from chalicelib.actions.scheduler import tick as scheduler_tick
from infra.package import resources

FIRINGS = 50
CALL_MS = 8.0
"""Assumed: from a function to DynamoDB or SQS and back, in one region."""
SLOWER = 2.0
"""Assumed: how much longer our CPU takes on the share of a core that half a gigabyte gets."""
POLLS = 5 * 3 * 60 * 24 * 30
"""Assumed: five pollers of a queue's event source, each waiting for twenty seconds at a time."""
MINUTES = 60 * 24 * 30
LOG_BYTES = 1500
"""Assumed: what a function's platform and our own lines write for each invocation."""


@dataclass(frozen=True)
class Use:
    """How much of each priced thing is used."""

    of: Mapping[str, float]

    @property
    def dollars(self) -> dict[str, float]:
        """Return the price of each part."""
        return {name: number * PRICES[name].each for name, number in self.of.items()}

    @property
    def total(self) -> float:
        return sum(self.dollars.values())

    def times(self, number: float) -> Use:
        return Use({name: number * used for name, used in self.of.items()})

    def and_(self, other: Use) -> Use:
        names = {**self.of, **other.of}
        return Use({name: self.of.get(name, 0) + other.of.get(name, 0) for name in names})


def invoked(meter: Meter, megabytes: int, *, events: int = 1) -> Use:
    """Return what one invocation of a function uses, of which a meter saw `events`."""
    calls = sum(meter.calls.values()) / events
    sent = sum(meter.calls[name] for name in ("SendMessageBatch", "ReceiveMessage")) / events
    seconds = (SLOWER * 1000 * meter.cpu / events + CALL_MS * calls) / 1000
    return Use(
        {
            "write units": meter.write_units / events,
            "read units": meter.read_units / events,
            "messages": sent,
            "invocations": 1,
            "gigabyte seconds": seconds * megabytes / 1024,
            "log gigabytes": LOG_BYTES / 1e9,
        }
    )


RECEIVED = Use({"messages": 2})
"""A batch of one is received and deleted: what a queue asks for on a quiet day."""


def metrics(log_text: str) -> int:
    """Return how many metrics log lines hold: CloudWatch asks for each that was seen in a month."""
    events = [json.loads(line) for line in log_text.splitlines() if '"_aws"' in line]
    directives = [directive for event in events for directive in event["_aws"]["CloudWatchMetrics"]]
    return len({metric["Name"] for directive in directives for metric in directive["Metrics"]})


def idle(tick: Use, measured: int = 0) -> Use:
    """Return what a month costs in which nothing happens, but for so many metrics of each tick."""
    types = [part.get("Type", "") for part in resources.template()["Resources"].values()]
    queues = sum(part == "AWS::SQS::Queue" for part in types) / 2  # each has its dead letters
    fixed = {
        "messages": queues * POLLS,
        "alarms": types.count("AWS::CloudWatch::Alarm"),
        "dashboards": types.count("AWS::CloudWatch::Dashboard"),
        "secrets": types.count("AWS::SecretsManager::Secret"),
        "metrics": measured,
    }
    return tick.times(MINUTES).and_(Use(fixed))


def measure(quick: bool) -> Iterable[Row]:
    """Count what one of each uses, and price it."""
    with stage() as bench_stage, redirect_stdout(io.StringIO()):
        api = Api(app, bench_stage.admin_key())
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        source = bulk_rows.original(api.post("/api/tasks", blueprint(hourly(now))))
        pairs = bulk_rows.due_at(source, FIRINGS + 1, now)
        api.post("/api/tasks", blueprint(webhook_trigger("p")))
        due_schedules.fire_due_triggers(wiring.get_world(), pairs[:1])
        api.send(delivery("p", 0, with_id=False))
        with metered() as fired:
            for pair in pairs[1:]:
                due_schedules.fire_due_triggers(wiring.get_world(), [pair])
        with metered() as hooked:
            for number in range(FIRINGS):
                api.send(delivery("p", number + 1, with_id=False))
    with stage(), redirect_stdout(io.StringIO()) as printed:
        scheduler_tick.run_tick(wiring.get_world())
        with metered() as ticked:
            scheduler_tick.run_tick(wiring.get_world())
    memory = memory_sizes()
    schedule = invoked(fired, memory["fire"], events=FIRINGS).and_(RECEIVED)
    webhook = invoked(hooked, memory["api_handler"], events=FIRINGS).and_(Use({"requests": 1}))
    yield from _told("a million schedule firings", schedule.times(MILLION))
    yield from _told("a million webhook firings", webhook.times(MILLION))
    yield from _told(
        "an idle month", idle(invoked(ticked, memory["tick"]), metrics(printed.getvalue()))
    )


def _told(what: str, use: Use) -> Iterable[Row]:
    yield Row(what=f"{what}, list prices of {AS_OF}", value=use.total, unit="$")
    for name, dollars in sorted(use.dollars.items(), key=lambda item: -item[1]):
        if dollars >= 0.005:
            yield Row(what=f"{what}: {use.of[name]:,.6g} {name}", value=dollars, unit="$")
