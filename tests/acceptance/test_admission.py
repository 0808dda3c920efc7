"""Hundreds of tasks over ten repos, on the real stores and by the real steps."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib import wiring
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import HOLDS_SLOT, State
from chalicelib.settings import settings
from chalicelib.storage.records import RunRecord
from chalicelib.storage.runs.runs import from_record
from tests.conftest import Stage
from tests.support.runner_calls import claimed, runner

REPOS, PER_REPO, TOGETHER = 10, 2, 5


def asked(stage: Stage, repo: int, priority: int) -> str:
    stage.now += timedelta(milliseconds=7)
    body = {
        "prompt": "Go.",
        "name": "t",
        "repoUrl": f"https://git.example.com/acme/r{repo}",
        "agentType": "command",
        "agentCommand": "true",
        "priority": priority,
    }
    made: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    return made


def messages(stage: Stage) -> Iterator[dict[str, str]]:
    """Deliver one message after the other to the step, until none is left."""
    sqs = boto3.client("sqs", region_name=settings.region)
    url = sqs.get_queue_url(QueueName=settings.queue_name("steps"))["QueueUrl"]
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages"):
        (message,) = found
        record = {"messageId": "m", "body": message["Body"], "receiptHandle": "h"}
        answer = stage._client.lambda_.invoke("advance", {"Records": [record]}).payload
        assert answer == {"batchItemFailures": []}
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        yield json.loads(message["Body"])


class Watch:
    """Looks at all runs after each step, and judges what it did."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}

    def look(self) -> None:
        before, self.runs = self.runs, {row.id: from_record(row) for row in RunRecord.scan()}
        busy = [run for run in self.runs.values() if run.state in HOLDS_SLOT]
        each = Counter(run.repo_url for run in busy)
        assert len(busy) <= TOGETHER
        assert max(each.values(), default=0) <= PER_REPO
        for run in busy:
            if run.id in before and before[run.id].state is State.QUEUED:
                self._went_first(run, {url for url, n in each.items() if n == PER_REPO})

    def _went_first(self, admitted: Run, full: set[str | None]) -> None:
        """Nothing more urgent was passed over, but where its own repo was full."""
        for other in self.waiting():
            passed_over = other.queue_sort_key < admitted.queue_sort_key
            held_back = other.repo_url in full and other.repo_url != admitted.repo_url
            assert not passed_over or held_back, (other.queue_sort_key, admitted.queue_sort_key)

    def waiting(self) -> list[Run]:
        return [run for run in self.runs.values() if run.state is State.QUEUED]

    def nothing_is_held_back(self) -> None:
        """Either the stage is full, or the repo of everything that waits is."""
        busy = Counter(run.repo_url for run in self.runs.values() if run.state in HOLDS_SLOT)
        if busy.total() < TOGETHER:
            assert all(busy[run.repo_url] == PER_REPO for run in self.waiting())


def test_slots_of_runs_that_are_gone_are_given_to_what_waits(stage: Stage):
    lost = [f"lost-{number}" for number in range(PER_REPO)]
    wiring.get_world().run_sets.hold_runs("repo#https://git.example.com/acme/r0", lost)
    run = asked(stage, 0, 100)
    stage.settle()
    assert claimed(stage)["runId"] == run


@pytest.mark.parametrize("tasks", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_limits_hold_at_each_step_the_urgent_go_first_and_no_slot_stays_free(
    stage: Stage, tasks: int
):
    rng, watch = random.Random(tasks), Watch()
    for repo in (0, 0, 1, 1, 2):
        asked(stage, repo, 1000)
    for _ in messages(stage):
        watch.look()
    jobs = [claimed(stage) for _ in range(TOGETHER)]
    for _ in range(tasks):
        # Half of the urgent ones want the same repo: they must not keep the others waiting.
        repo = 0 if rng.random() < 0.3 else rng.randrange(REPOS)
        asked(stage, repo, rng.choice((1, 1, 50, 100)))
    for _ in messages(stage):
        pass
    watch.look()
    assert len(watch.waiting()) == tasks

    for _ in range(tasks + TOGETHER):
        over = jobs.pop(rng.randrange(len(jobs)))
        here = {"runId": over["runId"], "attempt": over["attempt"], "outcome": "succeeded"}
        moment = stage.now
        assert runner(stage, "report", here)[0] == 200
        for _ in messages(stage):
            watch.look()
        watch.look()
        watch.nothing_is_held_back()
        assert stage.now == moment
        jobs += _claims(stage, watch)

    assert {run.state for run in watch.runs.values()} == {State.COMPLETED}


def _claims(stage: Stage, watch: Watch) -> list[dict[str, Any]]:
    waits = [run for run in watch.runs.values() if run.state is State.PROVISIONING]
    return [claimed(stage) for _ in waits]


def test_a_slot_whose_message_was_lost_is_found_by_the_next_tick(stage: Stage):
    world = wiring.get_world()
    busy = [asked(stage, repo, 100) for repo in range(TOGETHER)]
    stage.settle()
    waits = asked(stage, TOGETHER, 100)
    stage.settle()
    assert world.runs.get(waits).state is State.QUEUED

    stage.ok("POST", f"/api/tasks/{busy[0]}/cancel")
    boto3.client("sqs", region_name=settings.region).purge_queue(QueueUrl=stage._urls["steps"])
    assert world.runs.get(waits).state is State.QUEUED
    stage.pass_time(timedelta(minutes=1))
    assert world.runs.get(waits).state is State.PROVISIONING
