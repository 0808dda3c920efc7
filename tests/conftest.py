"""A whole stage in memory: the real app, the real stores on moto, and a clock that can be set."""

from __future__ import annotations

import os

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    STAGE="test",
    OPTIO_RUNNER="self-hosted",
    OPTIO_ALLOW_FILE_REPOS="1",
    TZ="America/New_York",  # no zone of a server may decide what 09:00 means
)
os.environ.pop("AWS_PROFILE", None)

import base64
import functools
import gc
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.endpoint import Endpoint
from chalice.local import LambdaEventConverter
from chalice.test import BaseClient, Client
from moto import mock_aws

from app import app
from chalicelib import wiring
from chalicelib.domain.access.key import ROLE_SCOPES, ApiKey, Role, Scope, key_id, token_digest
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec, connection
from chalicelib.storage.keys import to_record as key_record
from chalicelib.storage.records import TABLE_RECORDS
from chalicelib.web.api import hooks
from tests.simulation.seeds import choose_seeds
from tests.support import prepared, rights
from tests.support.lasting import sparing_lasting_programs
from tests.support.quick_aws import quick_calls

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TOKEN = "optio_pat_test"
RUNNER_TOKEN = "optio_pat_runner"
QUEUES = {"fire": "fire", "steps": "advance", "remote": "consult", "notify": "notify"}
"""The queues of a stage, each with the function that reads it."""


class Stage:
    """A user's, a runner's and the clock's hand on a stage."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.now = NOON

    def call(
        self, method: str, path: str, body: object = None, *, token: str = TOKEN, **headers: str
    ) -> tuple[int, Any]:
        sent = {"Content-Type": "application/json", **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        answer = self._client.http.request(method, path, headers=sent, body=raw)
        return answer.status_code, json.loads(answer.body) if answer.body else None

    def led(self, method: str, path: str, *, token: str = TOKEN) -> tuple[int, dict[str, str]]:
        """Return where a redirect leads."""
        sent = {"Authorization": f"Bearer {token}"}
        answer = self._client.http.request(method, path, headers=sent)
        return answer.status_code, answer.headers

    def headers(self, method: str, path: str, *, token: str) -> dict[str, str]:
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        told: dict[str, str] = self._client.http.request(method, path, headers=sent).headers
        return told

    def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        status, answer = self.call(method, path, body, **headers)
        assert status < 300, (status, answer)
        return answer

    def pass_time(self, span: timedelta) -> None:
        """Let the clock run, tick each minute, and let every message that is due arrive."""
        end = self.now + span
        while self.now < end:
            self.now += min(timedelta(minutes=1), end - self.now)
            self._client.lambda_.invoke(
                "tick",
                self._client.events.generate_cw_event("aws.events", "Scheduled Event", {}, []),
            )
            self.settle()

    def settle(self) -> None:
        """Deliver messages until none is left. A message that comes early has to do no harm."""
        for _ in range(20):
            if not sum(self._deliver(queue, function) for queue, function in QUEUES.items()):
                return

    @functools.cached_property
    def _sqs(self) -> Any:
        return boto3.client("sqs", region_name=settings.region)

    @functools.cached_property
    def _urls(self) -> dict[str, str]:
        names = {kind: settings.queue_name(kind) for kind in QUEUES}
        return {kind: self._sqs.get_queue_url(QueueName=names[kind])["QueueUrl"] for kind in QUEUES}

    def _deliver(self, queue: str, function: str) -> int:
        if not prepared.has_messages(settings.queue_name(queue)):
            return 0
        sqs, url = self._sqs, self._urls[queue]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if found:
            records = [
                {
                    "messageId": message["MessageId"],
                    "body": message["Body"],
                    "receiptHandle": message["ReceiptHandle"],
                }
                for message in found
            ]
            result = self._client.lambda_.invoke(function, {"Records": records}).payload
            assert result == {"batchItemFailures": []}
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found)


def key_of(token: str, scopes: tuple[Scope, ...], **more: Any) -> ApiKey:
    """Store a key with this very token; its use was noted a moment ago."""
    digest = token_digest(token)
    key = ApiKey(
        id=key_id(digest),
        digest=digest,
        name="of tests",
        scopes=scopes,
        created_at=NOON,
        updated_at=NOON,
        **more,
    )
    row = key_record(key)
    row.used_at = codec.format_sortable(NOON + timedelta(days=365))
    row.save()
    return key


@pytest.fixture(scope="session", autouse=True)
def far_away() -> None:
    """Let the machine's own clock hang in `TZ`."""
    time.tzset()


@pytest.fixture(scope="session", autouse=True)
def lasting_programs() -> Iterator[None]:
    """Let no job that a test runs in this process end what other tests still need."""
    with sparing_lasting_programs():
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_aws() -> Iterator[None]:
    """Let calls of AWS, of which a story has hundreds, take fewer steps."""
    with quick_calls():
        yield


@pytest.fixture(scope="session", autouse=True)
def one_environment() -> Iterator[None]:
    """Let chalice's client exchange `os.environ` for no call: threads give it back out of order."""
    with patch.object(BaseClient, "_patched_env_vars", lambda self, variables: nullcontext()):
        yield


@pytest.fixture(scope="session", autouse=True)
def bodies_as_bytes() -> Iterator[None]:
    """Let every body arrive as from the gateway, which passes bytes on in base64."""
    create = LambdaEventConverter.create_lambda_event

    def create_event(self: LambdaEventConverter, *given: Any, **named: Any) -> Any:
        event: Any = create(self, *given, **named)
        body = event["body"]
        event["isBase64Encoded"] = bool(body)
        event["body"] = base64.b64encode(body).decode() if body else None
        return event

    plain = patch.object(LambdaEventConverter, "_is_binary", lambda self, headers: False)
    with plain, patch.object(LambdaEventConverter, "create_lambda_event", create_event):
        yield


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    """Let calls of several threads follow each other: moto's transactions are not atomic else."""
    lock, real = threading.RLock(), Endpoint.make_request

    def make_request(self: Any, *given: Any) -> Any:
        with lock:
            return real(self, *given)

    with patch.object(Endpoint, "make_request", make_request):
        yield


@functools.cache
def empty_stage() -> prepared.Kept:
    """Return what AWS holds of a stage that has just been deployed, with two keys."""
    for table in TABLE_RECORDS:
        table.create_table()
    sqs = boto3.client("sqs", region_name=settings.region)
    for kind in QUEUES:
        sqs.create_queue(QueueName=settings.queue_name(kind))
        sqs.create_queue(QueueName=f"{settings.queue_name(kind)}-dead")
    boto3.client("logs", region_name=settings.region).create_log_group(
        logGroupName=settings.log_group
    )
    boto3.client("ssm", region_name=settings.region).put_parameter(
        Name=settings.data_key, Value="a key of tests", Type="SecureString"
    )
    boto3.client("s3", region_name=settings.region).create_bucket(Bucket=settings.bucket)
    for token, scopes in ((TOKEN, ROLE_SCOPES[Role.ADMIN]), (RUNNER_TOKEN, (Scope.RUNNER,))):
        key_of(token, scopes)
    kept = prepared.keep()
    prepared.clear()
    return kept


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws(), one_call_at_a_time(), prepared.sharing_clients():
        connection.get_connection.cache_clear()
        wiring.get_world.cache_clear()
        hooks._token_buckets.cache_clear()
        for table in TABLE_RECORDS:
            table._connection = None
        prepared.give(empty_stage())
        yield
        wiring.get_world.cache_clear()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests go to this machine, where the fakes of others listen."""
    monkeypatch.setitem(vars(settings), "allowed_private", ("127.0.0.1", "localhost"))


@pytest.fixture
def deployable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a deployment: tests have that of a local stage."""
    monkeypatch.delenv("OPTIO_ALLOW_FILE_REPOS")
    monkeypatch.setitem(vars(settings), "file_repos", False)


@pytest.fixture
def stage(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with rights.fenced(), Client(app) as client:
        stage = Stage(client)
        monkeypatch.setattr(wiring.Wiring, "now", lambda self: stage.now)
        # CloudWatch takes no line of another fortnight than its own clock's.
        monkeypatch.setattr("moto.logs.models.utcnow", lambda: stage.now.replace(tzinfo=None))
        monkeypatch.setattr(wiring.Wiring, "wait", lambda self, span: None)
        yield stage


def pytest_configure() -> None:
    choose_seeds()  # before other processes are started, which take the same


def pytest_report_header() -> str:
    return f"storms from seed {choose_seeds()} (SEED_FROM={choose_seeds()} repeats them)"


LONG_FILES = frozenset(
    {
        "test_simulation.py",
        "test_replies.py",
        "test_pull_requests.py",
        "test_runner_jobs.py",
        "test_runner_setup_files.py",
        "test_runner_kept_work.py",
        "test_snapshot.py",
        "test_cli.py",
        "test_package.py",
        "test_runtime_client.py",
        "test_template.py",
        "test_whole_road.py",
        "test_emulator.py",
    }
)
"""Files of tests that take longest: a process that begins one at the end lets the other wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


def pytest_collection_finish() -> None:
    """Let no later collection of garbage look at what collecting the tests has made."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    rights.note()


@pytest.fixture
def punctual(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let delayed messages arrive by the clock of the stage."""
    asked = itertools.count()
    clock: Any = lambda: stage.now.timestamp() + next(asked) / 10**6  # noqa: E731
    monkeypatch.setattr("moto.sqs.models.unix_time", clock)
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: clock() * 1000)
