"""The use of each part of a busy month, counted on a stage with quiet neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from app import app
from benchmarks.dollars import RECEIVED, REQUESTED, Use, count_metrics, measure_invocation
from benchmarks.gateway import Api, blueprint, make_delivery, webhook_trigger
from benchmarks.memory import memory_sizes
from benchmarks.meter import metered
from benchmarks.stage import capture_output, client, stage
from chalicelib import wiring
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequestState
from chalicelib.pipeline import outside_steps, run_steps
from chalicelib.ports.trackers import TicketPage
from chalicelib.settings import settings

SAMPLES = 8
LINES, CHARACTERS = 5, 100
"""Assumed: the lines of an agent between two heartbeats, and their length."""
OPEN_MS, LOOK_MS, SYNC_MS = 1500.0, 800.0, 500.0
"""Assumed: the time for which a function waits for forge or tracker."""
SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class BusyParts:
    """The use of one of each, and the number of metrics that all of them emit."""

    admission: Use
    claim: Use
    question: Use
    beat: Use
    report: Use
    publish: Use
    look: Use
    sync: Use
    metrics: int


class QuietForge:
    """A forge whose pull requests stay open, with checks that run."""

    def open_forge(self, *_: object) -> QuietForge:
        return self

    def read_template(self) -> None: ...
    def find_pull_request(self, branch: str, sha: str | None) -> None: ...
    def add_labels(self, number: int, labels: Sequence[str]) -> None: ...
    def rewrite_body(self, number: int, body: str) -> None: ...

    def open_pull_request(self, **_: object) -> Facts:
        return self.read_facts()

    def read_facts(self, *_: object) -> Facts:
        url = "https://github.com/acme/storefront-web/pull/1"
        return Facts(
            number=1,
            url=url,
            state=PullRequestState.OPEN,
            head_sha=SHA,
            base="main",
            mergeable=True,
            runs=CheckState.PENDING,
            statuses=CheckState.NONE,
            reviews=ReviewState.NONE,
        )

    def read_body(self, number: int) -> str:
        return ""

    def default_branch(self) -> str:
        return "main"

    def read_head(self, branch: str) -> str:
        return SHA


class QuietTracker:
    """A tracker without news."""

    def open_tracker(self, *_: object) -> QuietTracker:
        return self

    def iter_changed(self, *_: object) -> Iterator[TicketPage]:
        yield TicketPage([], None)


def measure_parts() -> BusyParts:
    """Let some runs pass through a stage, and count each part."""
    few = {"runner": "self-hosted", "max_concurrent": 1000}
    with stage() as bench_stage, capture_output() as printed, patch.dict(vars(settings), few):
        vars(wiring.get_world()).update(forges=QuietForge(), trackers=QuietTracker())
        api = Api(app, bench_stage.admin_key())
        work = _Work(api, Api(app, bench_stage.runner_key()))
        work.fire()
        admission = work.count_steps("steps", run_steps.advance, "advance")
        claim, question = work.count_claims(), work.count_questions()
        beat, report = work.count_beats(), work.count_reports()
        publish = work.count_steps("remote", outside_steps.consult, "consult", OPEN_MS)
        look, sync = work.count_looks(), work.count_syncs()
    return BusyParts(
        admission,
        claim,
        question,
        beat,
        report,
        publish,
        look,
        sync,
        count_metrics(printed.getvalue()),
    )


class _Work:
    """Some runs, from their firing to their pull requests."""

    def __init__(self, api: Api, runner: Api) -> None:
        self._api, self._runner = api, runner
        self._memory = memory_sizes()
        self._jobs: list[dict[str, Any]] = []

    def fire(self) -> None:
        self._api.put("/api/secrets/{name}", {"value": "a token"}, name="GITHUB_TOKEN")
        for number in range(SAMPLES):
            made = {**blueprint(webhook_trigger(f"p{number}")), "name": f"Number {number}"}
            made["repoUrl"] = f"https://github.com/acme/service-{number}"
            self._api.post("/api/tasks", made)
            self._api.send(make_delivery(f"p{number}", number))

    def count_steps(
        self, queue: str, handler: Callable[..., Any], function: str, waited_ms: float = 0
    ) -> Use:
        """Let a function handle the messages of its queue; return the use for each run."""
        bodies = list(_messages(queue))
        with metered() as meter:
            for body in bodies:
                _handle(handler, body)
        use = measure_invocation(
            meter, self._memory[function], events=len(bodies), waited_ms=waited_ms
        )
        return use.and_(RECEIVED).times(len(bodies) / SAMPLES)

    def count_claims(self) -> Use:
        with metered() as meter:
            self._jobs = [self._ask()["job"] for _ in range(SAMPLES)]
        return self._requested(meter)

    def count_questions(self) -> Use:
        with metered() as meter:
            for _ in range(SAMPLES):
                assert self._ask() is None
        return self._requested(meter)

    def _ask(self) -> Any:
        capabilities = {"sandbox": True, "reason": None}
        return self._runner.post("/api/runner/claim", {"runner": "r", "capabilities": capabilities})

    def count_beats(self) -> Use:
        self._beat(1)  # the first one makes the log
        with metered() as meter:
            self._beat(1 + LINES)
        return self._requested(meter)

    def _beat(self, first: int) -> None:
        moment = datetime.now(UTC).isoformat()
        line = {"timestamp": moment, "logType": "text", "content": "x" * CHARACTERS}
        lines = [{**line, "seq": seq} for seq in range(first, first + LINES)]
        for job in self._jobs:
            self._runner.post("/api/runner/beat", {**_about(job), "stage": "agent", "lines": lines})

    def count_reports(self) -> Use:
        end = {"outcome": "succeeded", "stage": "push", "headSha": SHA, "baseSha": SHA}
        with metered() as meter:
            for job in self._jobs:
                more = {"branch": job["repo"]["pushBranch"], "diffStat": "1 file changed"}
                self._runner.post("/api/runner/report", {**_about(job), **end, **more})
        return self._requested(meter)

    def count_looks(self) -> Use:
        with _later(timedelta(days=1)), metered() as meter:
            for job in self._jobs:
                _handle(outside_steps.consult, {"step": "consult", "runId": job["runId"]})
        return self._consulted(meter, LOOK_MS)

    def count_syncs(self) -> Use:
        made = {"name": "T", "source": "github", "config": {"repo": "acme/web"}}
        answer = self._api.post("/api/tickets/providers", {**made, "credential": "a token"})
        message = {"step": "sync", "providerId": answer["provider"]["id"]}
        _handle(outside_steps.consult, message)  # the first one is longer
        with metered() as meter:
            for number in range(SAMPLES):
                with _later(timedelta(minutes=2 + 2 * number)):
                    _handle(outside_steps.consult, message)
        return self._consulted(meter, SYNC_MS)

    def _requested(self, meter: Any) -> Use:
        use = measure_invocation(meter, self._memory["api_handler"], events=SAMPLES)
        return use.and_(REQUESTED)

    def _consulted(self, meter: Any, waited_ms: float) -> Use:
        use = measure_invocation(
            meter, self._memory["consult"], events=SAMPLES, waited_ms=waited_ms
        )
        return use.and_(RECEIVED)


def _about(job: dict[str, Any]) -> dict[str, Any]:
    return {"runId": job["runId"], "attempt": job["attempt"]}


def _messages(queue: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of a queue, which are then gone."""
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=settings.queue_name(queue))["QueueUrl"]
    while page := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in page:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(message["Body"])


def _handle(handler: Callable[..., Any], body: dict[str, Any]) -> None:
    """Let a step handle a message; a failure is one of the benchmark."""
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps(body)}
    failures = handler({"Records": [record]}, None)["batchItemFailures"]
    if failures:
        raise RuntimeError(f"the step failed: {body}")


@contextmanager
def _later(span: timedelta) -> Iterator[None]:
    with patch.object(wiring.Wiring, "now", lambda self: datetime.now(UTC) + span):
        yield
