"""The queue of notifications is read only while there is an endpoint for them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from chalicelib.integrations.aws import queue_reader
from chalicelib.integrations.aws.queue_reader import LambdaQueueReader
from chalicelib.settings import settings
from infra.release import notify_reader
from infra.release.deploy import Target
from tests.conftest import Stage

ENDPOINT = {"url": "https://example.com/x", "events": ["task.failed"]}


@pytest.fixture
def mapping(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of the mapping of a stage that was deployed, which reads its queue."""
    trusted = {"Version": "2012-10-17", "Statement": []}
    role = boto3.client("iam").create_role(
        RoleName="notify", AssumeRolePolicyDocument=json.dumps(trusted)
    )["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    client().create_function(
        FunctionName="notify",
        Runtime="python3.12",
        Role=role,
        Handler="app.notify",
        Code={"ZipFile": code.getvalue()},
    )
    sqs = boto3.client("sqs", region_name=settings.region)
    url = sqs.get_queue_url(QueueName=settings.queue_name("notify"))["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    made: str = client().create_event_source_mapping(
        FunctionName="notify", EventSourceArn=found["Attributes"]["QueueArn"]
    )["UUID"]
    monkeypatch.setenv("OPTIO_NOTIFY_MAPPING", made)
    monkeypatch.setattr(notify_reader, "_mapping_id", lambda target: made)
    return made


@pytest.fixture
def target() -> Target:
    return Target(None, settings.stage)


def client() -> Any:
    return boto3.client("lambda", region_name=settings.region)


def state(mapping: str) -> str:
    return str(client().get_event_source_mapping(UUID=mapping)["State"])


def test_the_first_endpoint_starts_the_reading_of_notifications(
    mapping: str, stage: Stage, target: Target
):
    notify_reader.pause_unused(target)
    assert state(mapping) == "Disabled"
    stage.ok("POST", "/api/webhooks", ENDPOINT)
    assert state(mapping) == "Enabled"


def test_a_deploy_over_a_stage_with_endpoints_changes_nothing(
    mapping: str, stage: Stage, target: Target
):
    stage.ok("POST", "/api/webhooks", {**ENDPOINT, "enabled": False})
    notify_reader.pause_unused(target)
    assert state(mapping) == "Enabled"


def test_an_endpoint_that_is_created_during_a_deploy_is_read_for(
    mapping: str, stage: Stage, target: Target, monkeypatch: pytest.MonkeyPatch
):
    """Both see the other at the latest moment: the one stores first, the other looks last."""
    real = notify_reader._await_pause

    def stored_meanwhile(functions: Any, mapping: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(LambdaQueueReader, "resume", lambda self: None)
            stage.ok("POST", "/api/webhooks", ENDPOINT)
        real(functions, mapping)

    monkeypatch.setattr(notify_reader, "_await_pause", stored_meanwhile)
    notify_reader.pause_unused(target)
    assert state(mapping) == "Enabled"


def test_a_request_that_could_not_start_the_reading_does_so_when_it_is_repeated(
    mapping: str, stage: Stage, target: Target, monkeypatch: pytest.MonkeyPatch
):
    notify_reader.pause_unused(target)
    monkeypatch.setattr(queue_reader, "PATIENCE_SECONDS", 0.0)
    once = {"Idempotency-Key": "once"}
    with monkeypatch.context() as patch:
        changing(patch, calls=100)
        status, answer = stage.call("POST", "/api/webhooks", ENDPOINT, **once)[:2]
        assert status == 409
        assert "try again in a minute" in answer["error"]
    stage.ok("POST", "/api/webhooks", ENDPOINT, **once)
    assert state(mapping) == "Enabled"
    assert len(stage.ok("GET", "/api/webhooks")["webhooks"]) == 1


def test_a_mapping_that_is_being_changed_is_waited_for(
    mapping: str, target: Target, monkeypatch: pytest.MonkeyPatch
):
    notify_reader.pause_unused(target)
    monkeypatch.setattr(queue_reader, "PAUSE_SECONDS", 0.01)
    changing(monkeypatch, calls=3)
    LambdaQueueReader(mapping, settings.region).resume()
    assert state(mapping) == "Enabled"


def test_a_stage_that_knows_no_mapping_asks_nothing(aws: None):
    LambdaQueueReader("", settings.region).resume()


def changing(patch: pytest.MonkeyPatch, calls: int) -> None:
    """Let Lambda refuse so many changes, as while it carries out another."""
    left = calls
    real = BaseClient._make_api_call

    def call(self: Any, operation: str, given: Any) -> Any:
        nonlocal left
        if operation == "UpdateEventSourceMapping" and left:
            left -= 1
            error = {"Code": "ResourceInUseException", "Message": "in use"}
            raise ClientError({"Error": error}, operation)
        return real(self, operation, given)

    patch.setattr(BaseClient, "_make_api_call", call)
