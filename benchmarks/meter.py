"""Counts the AWS calls, capacity units and times of a piece of work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.httpsession import URLLib3Session

EVENT_BYTES = 26
"""The bytes that CloudWatch adds to each line of a log."""


@dataclass
class Meter:
    """Counted values. Times are seconds; `waited` is the time until AWS answered."""

    calls: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_units: float = 0
    log_bytes: int = 0
    botocore_cpu: float = 0
    waited: float = 0
    cpu: float = 0

    @property
    def write_units(self) -> float:
        return float(sum(self.units.values()))

    def consumed(self, operation: str, answer: Any) -> None:
        """Add the capacity in an answer: of a table, and of each of its indexes."""
        reports = answer.get("ConsumedCapacity", ())
        for report in [reports] if isinstance(reports, dict) else reports:
            if operation in ("Query", "GetItem", "Scan"):
                self.read_units += float(report["CapacityUnits"])
                continue
            table = str(report["TableName"]).rpartition("-")[2]
            indexes = report.get("GlobalSecondaryIndexes", {})
            for name, index in indexes.items():
                self.units[table, name] += index["CapacityUnits"]
            own = report["CapacityUnits"] - sum(
                index["CapacityUnits"] for index in indexes.values()
            )
            self.units[table, ""] += own

    def read(self, operation: str, request: Any) -> None:
        """Count what no answer reports: rows of a batched read (a unit per 4 KB), and log lines."""
        if operation == "PutLogEvents":
            sizes = (len(entry["message"].encode()) for entry in request["logEvents"])
            self.log_bytes += sum(size + EVENT_BYTES for size in sizes)
        if operation == "BatchGetItem":
            self.read_units += sum(
                len(table_request["Keys"]) for table_request in request["RequestItems"].values()
            )


@contextmanager
def metered() -> Iterator[Meter]:
    """Yield a meter that counts inside the block."""
    meter = Meter()
    call, send = BaseClient._make_api_call, URLLib3Session.send

    def counted(self: Any, operation: str, request: Any) -> Any:
        if self.meta.service_model.service_name == "dynamodb":
            request = {**request, "ReturnConsumedCapacity": "INDEXES"}
        meter.calls[operation] += 1
        began = time.thread_time()
        try:
            answer = call(self, operation, request)
        finally:
            meter.botocore_cpu += time.thread_time() - began
        meter.consumed(operation, answer)
        meter.read(operation, request)
        return answer

    def waited(self: Any, request: Any) -> Any:
        began = time.perf_counter()
        try:
            return send(self, request)
        finally:
            meter.waited += time.perf_counter() - began

    with (
        patch.object(BaseClient, "_make_api_call", counted),
        patch.object(URLLib3Session, "send", waited),
    ):
        began = time.process_time()
        yield meter
        meter.cpu = time.process_time() - began


@contextmanager
def recorded() -> Iterator[list[Any]]:
    """Yield a list that collects every answer of AWS inside the block."""
    answers: list[Any] = []
    send = URLLib3Session.send

    def recording(self: Any, request: Any) -> Any:
        answer = send(self, request)
        assert answer.content is not None  # read now, so that it can be given again
        answers.append(answer)
        return answer

    with patch.object(URLLib3Session, "send", recording):
        yield answers


@contextmanager
def replayed(answers: list[Any]) -> Iterator[None]:
    """Replay the answers of AWS in the same order, repeatedly, at no cost."""
    again = cycle(answers)
    with patch.object(URLLib3Session, "send", lambda self, request: next(again)):
        yield
