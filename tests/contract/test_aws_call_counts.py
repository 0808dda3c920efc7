"""The calls of a firing to AWS, counted where botocore sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib import wiring
from chalicelib.actions.access import audit_log
from chalicelib.actions.firing import due_schedules
from chalicelib.actions.runs import admission
from chalicelib.actions.scheduler import tick
from chalicelib.domain.access.audit import AuditRecord
from chalicelib.domain.runs.run_keys import branch_key
from chalicelib.settings import settings
from tests.conftest import Stage
from tests.support.call_counts import counted, requests

SECRET = "a secret of sixteen"


def made(stage: Stage, *triggers: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {
        "type": "standalone",
        "name": "Report",
        "prompt": "Write.",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": list(triggers),
        **more,
    }
    answer: dict[str, Any] = stage.ok("POST", "/api/tasks", body)
    return answer


def minutely(**config: Any) -> dict[str, Any]:
    return {"type": "schedule", "config": {"cronExpression": "* * * * *", **config}}


def empty_queues() -> None:
    sqs = boto3.client("sqs", region_name=settings.region)
    for kind in ("fire", "steps", "remote", "notify"):
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=settings.queue_name(kind))["QueueUrl"])


def test_a_check_of_many_tasks_reads_each_named_object_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    text = {"name": "Shared", "template": "Write {{what}}."}
    template = stage.ok("POST", "/api/prompt-templates", text)["promptTemplate"]["id"]
    tracker = {"source": "linear", "credential": SECRET}
    provider = stage.ok("POST", "/api/tickets/providers", tracker)["provider"]["id"]
    config = {"source": "linear", "providerId": provider}
    task = {
        "type": "repo-blueprint",
        "name": "Report",
        "promptTemplateId": template,
        "repoUrl": "acme/web",
        "triggers": [
            {"type": "ticket", "config": config, "paramMapping": {}},
            {"type": "webhook", "config": {"path": "reports"}, "paramMapping": {}},
        ],
    }
    stage.ok("POST", "/api/checks", {"tasks": [task]})
    found = {}
    for number in (1, 100):
        with counted(monkeypatch) as calls:
            answer = stage.ok("POST", "/api/checks", {"tasks": [task] * number})
        assert len(answer["warnings"]) == 3 * number
        found[number] = requests(calls)
    assert found[100] == found[1]
    assert sum(found[1].values()) <= 4, "the key, the template, the provider, all providers"


@pytest.mark.parametrize("linked", [False, True])
def test_a_scheduled_firing_costs_at_most_three_calls_and_one_message_a_row(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, linked: bool
):
    more = {}
    if linked:
        body = {"name": "Shared", "template": "Write."}
        template = stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]
        more = {"promptTemplateId": template["id"]}
    answer = made(stage, minutely(overlapPolicy="buffer_one" if linked else "allow"), **more)
    empty_queues()
    stage.now += timedelta(minutes=1)

    with counted(monkeypatch) as calls:
        pair = (answer["triggers"][0]["id"], answer["task"]["id"])
        due_schedules.fire_due_triggers(wiring.get_world(), [pair])

    sent = requests(calls)
    messages = sent.pop("SendMessageBatch")
    assert messages == 2  # one to each queue: the run, and the trigger's next minute
    assert sent == {"BatchGetItem": 2 if linked else 1, "TransactWriteItems": 1}


def test_ten_firings_of_one_batch_share_their_read_and_their_sends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    answers = [made(stage, minutely()) for _ in range(10)]
    empty_queues()
    stage.now += timedelta(minutes=1)

    with counted(monkeypatch) as calls:
        pairs = [(answer["triggers"][0]["id"], answer["task"]["id"]) for answer in answers]
        due_schedules.fire_due_triggers(wiring.get_world(), pairs)

    assert requests(calls) == {
        "BatchGetItem": 1,
        "TransactWriteItems": 10,
        "SendMessageBatch": 2,
    }


@pytest.mark.parametrize("linked", [False, True])
def test_a_delivery_costs_at_most_three_calls_and_one_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, linked: bool
):
    more = {}
    if linked:
        body = {"name": "Shared", "template": "Write."}
        template = stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]
        more = {"promptTemplateId": template["id"]}
    made(stage, {"type": "webhook", "config": {"path": "p", "secret": SECRET}}, **more)
    signature = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
    stage.call("POST", "/api/hooks/p", b"", token="")  # the data key is read once per process

    with counted(monkeypatch) as calls:
        headers = {"X-Optio-Signature": signature}
        assert stage.call("POST", "/api/hooks/p", b"{}", token="", **headers)[0] == 202

    assert requests(calls) == {
        "GetItem": 1,
        "BatchGetItem": 1,
        "TransactWriteItems": 1,
        "SendMessageBatch": 1,
    }


def test_a_refused_delivery_writes_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    made(stage, {"type": "webhook", "config": {"path": "p", "secret": SECRET}})
    with counted(monkeypatch) as calls:
        assert stage.call("POST", "/api/hooks/p", b"{}", token="")[0] == 401
    assert set(requests(calls)) <= {"GetItem", "BatchGetItem", "GetParameter"}


def test_a_tick_with_nothing_due_asks_each_shard_of_two_tables_and_two_small_ones_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(20):
        made(stage, {"type": "schedule", "config": {"cronExpression": "0 0 1 1 *"}})
    with counted(monkeypatch) as calls:
        assert tick.run_tick(wiring.get_world()) == 0
    assert requests(calls) == {"Query": 2 * settings.shards + 3, "GetItem": 2, "PutItem": 1}


def test_who_asks_for_a_place_in_a_full_stage_reads_no_queue(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    def asked(number: int) -> str:
        body = {"prompt": "Go.", "name": "t", "repoUrl": f"acme/r{number}"}
        run: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
        return run

    for number in range(15):
        asked(number)
    stage.settle()
    run = wiring.get_world().runs.get(asked(15))

    with counted(monkeypatch) as calls:
        admission.admit_queue(wiring.get_world(), run.queue_id, run)

    sent = requests(calls)
    assert sent.pop("BatchGetItem") <= 5  # the stage's own row, and all runs that work at once
    assert sent == {"UpdateItem": 1}  # its queue waits for the stage


def test_a_delivery_about_a_branch_of_ours_reads_all_its_runs_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    made(stage, {"type": "webhook", "config": {"path": "p"}})
    url, branch = "https://github.com/acme/web", "optio/task-0f0f0f0f"
    before = [str(uuid.uuid4()) for _ in range(30)]
    wiring.get_world().run_sets.hold_runs(branch_key(url, branch), before)
    payload = {"ref": f"refs/heads/{branch}", "repository": {"html_url": url}}

    with counted(monkeypatch) as calls:
        body = json.dumps(payload).encode()
        assert stage.call("POST", "/api/hooks/p", body, token="")[0] == 202

    sent = requests(calls)
    assert (sent["GetItem"], sent["BatchGetItem"]) == (1, 3)  # the path; what it fires, whose, runs


def test_a_rare_deed_is_found_among_many_in_few_calls(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    def did(action: str, number: int) -> AuditRecord:
        return AuditRecord(
            id=str(uuid.uuid4()),
            at=stage.now + timedelta(seconds=number),
            action=action,
            object_id="it",
            object_name=None,
            root_id=None,
            fields=(),
            actor_id="me",
            actor_name="Me",
            session=False,
            source="",
            agent="",
        )

    rows = [("key.revoked", 0), *(("task.started", number) for number in range(1, 300))]
    for action, number in rows:
        wiring.get_world().activity.add(did(action, number))

    for asked in ({"actor_id": "me"}, {"object_id": "it"}):
        with counted(monkeypatch) as calls:
            found, _ = audit_log.list_records(
                wiring.get_world(), action="key.revoked", limit=10, **asked
            )
        assert [entry.action for entry in found] == ["key.revoked"]
        assert requests(calls)["Query"] <= 2
