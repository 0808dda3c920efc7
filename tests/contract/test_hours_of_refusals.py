"""Two hours in which AWS refuses, in its own words: no trigger is disabled, and an alarm is raised.

The answers are those of DynamoDB's protocol, so botocore raises its own classes, and tries again
what it tries again on AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from chalicelib import wiring
from chalicelib.settings import settings
from chalicelib.storage.dynamo import connection
from infra.package import monitoring
from tests.conftest import QUEUES, Stage
from tests.simulation.memory import NoMetrics

MINUTE = timedelta(minutes=1)
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
READS = ("GetItem", "BatchGetItem", "Query", "Scan")
REFUSALS: dict[str, list[tuple[str, int]]] = {
    "throttling": [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
    ],
    "conflicts": [("TransactionConflictException", 400)],
    "access": [("AccessDeniedException", 400), ("UnrecognizedClientException", 400)],
    "KMS": [("KMSAccessDeniedException", 400), ("KMSInvalidStateException", 400)],
    "faults": [("InternalServerError", 500), ("ServiceUnavailable", 503)],
}


def refusal_of(operation: str, code: str) -> dict[str, Any]:
    """Return the body of an answer that refuses an operation."""
    told: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}
    if code != "TransactionConflictException" or operation != "TransactWriteItems":
        return told
    reasons = [{"Code": "TransactionConflict", "Message": "ongoing"}, {"Code": "None"}]
    cancelled = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return {"__type": cancelled, "Message": "cancelled", "CancellationReasons": reasons}


@contextmanager
def refused(operations: tuple[str, ...], codes: list[tuple[str, int]]) -> Iterator[list[str]]:
    """Let DynamoDB refuse operations with one code after the other; yield what was refused."""
    real, refusals = BotocoreStubber.__call__, []

    def answer(self: Any, event_name: str, request: Any, **more: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        text = target.decode() if isinstance(target, bytes) else str(target)
        service, _, operation = text.partition(".")
        if not service.startswith("DynamoDB") or operation not in operations:
            return real(self, event_name, request, **more)
        code, status = codes[len(refusals) % len(codes)]
        refusals.append(operation)
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-requestid": "r"}
        body = json.dumps(refusal_of(operation, code))
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    clock = [0.0]

    def slept(seconds: float) -> None:
        clock[0] += seconds

    own = SimpleNamespace(monotonic=lambda: clock[0], sleep=slept)
    with (
        patch.object(BotocoreStubber, "__call__", answer),
        patch.object(connection, "time", own),
        patch.object(time, "sleep", slept),
    ):
        yield refusals


class Overdue(NoMetrics):
    """The longest time for which a tick found a row overdue, tick by tick."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def record_tick(self, sent: int, overdue: timedelta) -> None:
        self.told.append(overdue.total_seconds())


@pytest.fixture
def overdue(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Overdue:
    metrics = Overdue()
    monkeypatch.setattr(wiring.Wiring, "metrics", metrics)
    return metrics


def made(stage: Stage) -> str:
    """Make a blueprint with a trigger of each type, and return its id."""
    tracker = {"source": "linear", "credential": "a secret of sixteen"}
    provider = stage.ok("POST", "/api/tickets/providers", tracker)["provider"]["id"]
    triggers = [
        {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}},
        {"type": "webhook", "config": {"path": "alerts"}},
        {"type": "ticket", "config": {"source": "linear", "providerId": provider}},
    ]
    body = {
        "type": "standalone",
        "name": "Report",
        "prompt": "Write.",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": triggers,
    }
    task: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    return task


def let_pass(stage: Stage, span: timedelta) -> None:
    """Tick each minute and deliver once what came of it, whether that works or not."""
    until = stage.now + span
    sqs = boto3.client("sqs", region_name=settings.region)
    while stage.now < until:
        stage.now += MINUTE
        event = stage._client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        with suppress(Exception):
            stage._client.lambda_.invoke("tick", event)
        for kind, function in QUEUES.items():
            deliver(stage, sqs, kind, function)


def deliver(stage: Stage, sqs: Any, kind: str, function: str) -> None:
    url = sqs.get_queue_url(QueueName=settings.queue_name(kind))["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    if not found:
        return
    records = [
        {"messageId": one["MessageId"], "body": one["Body"], "receiptHandle": one["ReceiptHandle"]}
        for one in found
    ]
    with suppress(Exception):
        stage._client.lambda_.invoke(function, {"Records": records})
    for one in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])


QUICK = {("KMS", "all")}
"""The outages of `make test`; the others are in `make test-slow`."""
OUTAGES = [
    pytest.param(
        kind,
        operations,
        id=f"{kind}-{which}",
        marks=[] if (kind, which) in QUICK else [pytest.mark.slow],
    )
    for kind in REFUSALS
    for which, operations in (("writes", WRITES), ("all", (*WRITES, *READS)))
]


@pytest.mark.parametrize("kind, operations", OUTAGES)
def test_two_hours_of_refusals_disable_nothing_and_are_told_by_the_alarm(
    stage: Stage, overdue: Overdue, kind: str, operations: tuple[str, ...]
):
    task = made(stage)
    with refused(operations, REFUSALS[kind]) as refusals:
        let_pass(stage, timedelta(hours=2))
    assert len(refusals) > 100

    shown = stage.ok("GET", f"/api/tasks/{task}")
    assert shown["task"]["enabled"]
    triggers = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert len(triggers) == 3
    assert all(trigger["enabled"] and not trigger.get("disabledReason") for trigger in triggers)
    (provider,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert provider["enabled"]

    # The first occurrence is due after five minutes, and the alarm takes two periods of five.
    assert len(overdue.told) == 120
    assert min(overdue.told[15:]) > monitoring.OVERDUE_SECONDS

    let_pass(stage, timedelta(minutes=15))
    fired = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert any(one["outcome"] == "fired" for one in fired)
    assert overdue.told[-1] < monitoring.OVERDUE_SECONDS
