"""The emulator of `make dev`: who may call it, and what it still knows after a `kill -9`."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.dev.emulator import FAKE, Emulator

MOST_LOST_SECONDS = 5
KILLS = 2


def client(emulator: Emulator, service: str, **options: Any) -> Any:
    """Return a client with the credentials of this start, unless others are given."""
    return boto3.client(
        service,
        endpoint_url=emulator.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key=options.pop("secret", emulator.credentials["AWS_SECRET_ACCESS_KEY"]),
        config=Config(retries={"max_attempts": 0}, **options),
    )


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    made = Emulator(tmp_path_factory.mktemp("emulator"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def answered(
    emulator: Emulator,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str, Mapping[str, str]]:
    request = urllib.request.Request(
        emulator.endpoint + path, method=method, data=body, headers=dict(headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


READ_A_SECRET = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "secretsmanager.GetSecretValue",
}
FORGED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/secretsmanager/aws4_request"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer optio_pat_guessed"},
        {"Authorization": f"{FORGED}, SignedHeaders=host, Signature={'0' * 64}"},
        {"Authorization": f"{FORGED}, SignedHeaders=host"},
        {"Authorization": "AWS4-HMAC-SHA256 nonsense", "X-Amz-Date": "20260101T000000Z"},
        {"X-Optio-Front": "guessed"},
        {"X-Optio-Front": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_whoever_holds_no_credential_of_this_start_reads_nothing(
    emulator: Emulator, headers: dict[str, str]
):
    body = json.dumps({"SecretId": "optio-dev/data-key"}).encode()
    status, text, told = answered(emulator, "/", "POST", body, READ_A_SECRET | headers)
    assert (status, json.loads(text)["__type"]) == (403, "AccessDeniedException")
    assert "access-control-allow-origin" not in told
    for path in ("/_ministack/reset", "/restapis", "/some-bucket/key", "/_ministack/health"):
        assert answered(emulator, path, headers=headers)[0] == 403


def test_the_well_known_secret_and_that_of_another_start_open_nothing(
    emulator: Emulator, tmp_path: Path
):
    other = Emulator(tmp_path)
    assert other.credentials != emulator.credentials
    for secret in (FAKE["AWS_SECRET_ACCESS_KEY"], other.credentials["AWS_SECRET_ACCESS_KEY"]):
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            client(emulator, "secretsmanager", secret=secret).list_secrets()
    assert client(emulator, "secretsmanager").list_secrets()["SecretList"] == []


def _from_a_page(request: Any, **_: object) -> None:
    request.headers["Origin"] = "http://localhost"


def test_a_browser_is_refused_even_with_a_signature_and_before_it_asks(emulator: Emulator):
    secrets = client(emulator, "secretsmanager")
    secrets.meta.events.register("before-send", _from_a_page)
    with pytest.raises(ClientError, match="no web page"):
        secrets.list_secrets()
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    status, _, told = answered(emulator, "/", "OPTIONS", headers=preflight)
    assert status == 403
    assert not [name for name in told if name.lower().startswith("access-control-")]


def test_the_credential_of_the_front_opens_the_stage_and_nothing_of_aws(emulator: Emulator):
    front = {"X-Optio-Front": emulator.front_credential}
    assert answered(emulator, "/_ministack/health", headers=front)[0] == 200
    for path in ("/restapis", "/_ministack/reset", "/bucket"):
        assert answered(emulator, path, headers=front)[0] == 403
    stage = front | {"Host": f"none.execute-api.localhost:{emulator.port}", "Origin": "http://x"}
    status, _, told = answered(emulator, "/api/x", headers=stage)
    assert status != 403 or "AccessDenied" not in told.get("x-amzn-errortype", "")
    assert not [name for name in told if name.lower().startswith("access-control-")]


def test_a_signed_address_opens_its_own_file_until_it_expires(emulator: Emulator):
    s3 = client(emulator, "s3", signature_version="s3v4")
    s3.create_bucket(Bucket="files")
    target = {"Bucket": "files", "Key": "a b/ü.txt"}
    put = s3.generate_presigned_url("put_object", target, ExpiresIn=60)
    get = s3.generate_presigned_url("get_object", target, ExpiresIn=60)
    late = s3.generate_presigned_url("get_object", target, ExpiresIn=0)
    start = len(emulator.endpoint)
    assert answered(emulator, put[start:], "PUT", b"content")[0] == 200
    assert answered(emulator, get[start:])[:2] == (200, "content")
    assert answered(emulator, get[start:], "DELETE")[0] == 403
    assert answered(emulator, get[start:].replace("a%20b", "other"))[0] == 403
    time.sleep(1.1)
    assert answered(emulator, late[start:])[0] == 403


class Writer:
    """Writes rows, messages, secrets and log lines, and notes when each was acknowledged."""

    def __init__(self, emulator: Emulator, first: int) -> None:
        self.acknowledged: dict[int, float] = {}
        self.next = first
        self._stopped = threading.Event()
        self._tables = client(emulator, "dynamodb")
        self._queues = client(emulator, "sqs")
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        url = self._queues.get_queue_url(QueueName="work")["QueueUrl"]
        while not self._stopped.is_set():
            number = self.next
            self.next += 1
            try:
                row = {"id": {"S": str(number)}, "text": {"S": "x" * 500}}
                pair = [{"Put": {"TableName": name, "Item": row}} for name in ("left", "right")]
                self._tables.transact_write_items(TransactItems=pair)
                self._queues.send_message(QueueUrl=url, MessageBody=str(number))
            except (ClientError, BotoCoreError):
                return
            self.acknowledged[number] = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _make(emulator: Emulator) -> None:
    for name in ("left", "right"):
        client(emulator, "dynamodb").create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    client(emulator, "sqs").create_queue(QueueName="work")


def _rows(emulator: Emulator, table: str) -> set[int]:
    pages = client(emulator, "dynamodb").get_paginator("scan").paginate(TableName=table)
    return {int(row["id"]["S"]) for page in pages for row in page["Items"]}


def _messages(emulator: Emulator) -> int:
    queues = client(emulator, "sqs")
    url = queues.get_queue_url(QueueName="work")["QueueUrl"]
    names = ["ApproximateNumberOfMessages"]
    told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return int(told["Attributes"]["ApproximateNumberOfMessages"])


def test_a_kill_loses_at_most_five_seconds_and_never_half_a_transaction(tmp_path: Path):
    seed = int(os.environ.get("OPTIO_TEST_SEED") or random.randrange(2**32))
    chance, told = random.Random(seed), f"OPTIO_TEST_SEED={seed}"
    written: set[int] = set()
    number = 0
    for turn in range(KILLS):
        emulator = Emulator(tmp_path)
        emulator.start()
        if turn == 0:
            _make(emulator)
        assert _rows(emulator, "left") == _rows(emulator, "right"), told
        assert _messages(emulator) >= len(_rows(emulator, "left")) - 1, told
        assert written <= _rows(emulator, "left"), told
        writer = Writer(emulator, number)
        time.sleep(chance.uniform(MOST_LOST_SECONDS, MOST_LOST_SECONDS + 3))
        killed = time.monotonic()
        os.kill(emulator.pid, signal.SIGKILL)
        writer.stop()
        number = writer.next
        written |= {
            one for one, at in writer.acknowledged.items() if at < killed - MOST_LOST_SECONDS
        }
        emulator.stop()
    emulator = Emulator(tmp_path)
    emulator.start()
    try:
        assert written, told
        assert written <= _rows(emulator, "left") == _rows(emulator, "right"), told
    finally:
        emulator.stop()


def test_an_emulator_ends_with_who_started_it_and_saves_what_it_holds(tmp_path: Path):
    starting = (
        "import os, sys, time, pathlib\n"
        "from infra.dev.emulator import Emulator\n"
        "emulator = Emulator(pathlib.Path(sys.argv[1]))\n"
        "emulator.start()\n"
        "print(emulator.pid, emulator.credentials['AWS_SECRET_ACCESS_KEY'], flush=True)\n"
        "time.sleep(600)\n"
    )
    program = [sys.executable, "-c", starting, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, secret = parent.stdout.readline().split()
        again = Emulator(tmp_path)
        client(again, "sqs", secret=secret).create_queue(QueueName="just-before")
        parent.kill()
    again.start()  # it waits for the one before it
    try:
        end = time.monotonic() + 20  # it has saved, and a busy machine takes its time to end it
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < end, "the emulator outlives who started it"
            time.sleep(0.1)
        assert len(client(again, "sqs").list_queues()["QueueUrls"]) == 1
    finally:
        again.stop()
