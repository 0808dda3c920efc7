"""Dollars: counted use times list prices.

Counted: calls, capacity units, log lines and CPU, on this machine. Assumed, for lack of an account:
the time that AWS takes to answer a call, the speed of its CPU, and the lines that Lambda writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.meter import Meter
from benchmarks.prices import AS_OF, PRICES
from benchmarks.report import Row

CALL_MS = 8.0
"""Assumed: from a function to DynamoDB or SQS and back, in one region."""
SLOWER = 2.0
"""Assumed: the factor by which our CPU is slower on the share of a core that a function gets."""
PLATFORM_LOG_BYTES = 600
"""Assumed: the lines START, END and REPORT of an invocation, with the overhead of each."""
CENT = 0.005


@dataclass(frozen=True)
class Use:
    """The used amount of each priced thing."""

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


def measure_invocation(
    meter: Meter, megabytes: int, *, events: int = 1, printed: str = "", waited_ms: float = 0
) -> Use:
    """Return what one invocation of a function uses, of which a meter saw `events`.

    `printed` is the output of all of them. Each waited `waited_ms` for servers of others.
    """
    calls = sum(meter.calls.values()) / events
    sent = sum(meter.calls[name] for name in ("SendMessageBatch", "ReceiveMessage")) / events
    secrets = meter.calls["GetSecretValue"] / events
    seconds = (SLOWER * 1000 * meter.cpu / events + CALL_MS * calls + waited_ms) / 1000
    logged = PLATFORM_LOG_BYTES + (len(printed.encode()) + meter.log_bytes) / events
    return Use(
        {
            "write units": meter.write_units / events,
            "read units": meter.read_units / events,
            "messages": sent,
            "invocations": 1,
            "gigabyte seconds": seconds * megabytes / 1024,
            "log gigabytes": logged / 1e9,
            "secret reads": secrets,
            "key requests": secrets,  # each value is decrypted under a key in the account
        }
    )


RECEIVED = Use({"messages": 2})
"""A batch of one is received and deleted: the requests of a queue on a quiet day."""
REQUESTED = Use({"requests": 1})


def count_metrics(log_text: str) -> int:
    """Return how many metrics log lines hold: CloudWatch charges each that has data in a month.

    A metric with another value of a dimension is another metric.
    """
    seen = set()
    for event in (json.loads(line) for line in log_text.splitlines() if '"_aws"' in line):
        for directive in event["_aws"]["CloudWatchMetrics"]:
            values = [str(event[name]) for names in directive["Dimensions"] for name in names]
            seen |= {(metric["Name"], *values) for metric in directive["Metrics"]}
    return len(seen)


def total_row(what: str, use: Use, *, most: float | None = None) -> Row:
    """Return the row of a sum of dollars."""
    return Row(what=f"{what}, list prices of {AS_OF}", value=use.total, unit="$", most=most)


def part_rows(prefix: str, use: Use) -> Iterable[Row]:
    """Yield the largest parts of a sum first, and none under a cent."""
    for name, dollars in sorted(use.dollars.items(), key=lambda item: -item[1]):
        if dollars >= CENT:
            yield Row(what=f"{prefix} {use.of[name]:,.6g} {name}", value=dollars, unit="$")
