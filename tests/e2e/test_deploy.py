"""`make deploy`, as it is typed, on the emulator: data outlive what is deployed over them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from infra.emulator import FAKE, ROOT, Emulator

pytestmark = pytest.mark.slow


class Account:
    """An account of nobody's, and a person who deploys to it."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        self._endpoint = emulator.endpoint
        self.environment = {
            **FAKE,
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "STAGE": "prod",
            "YES": "1",
        }

    def release(self, verb: str, **settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "infra.release", verb],
            cwd=ROOT,
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, service: str) -> object:
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def names(self, table: str) -> list[str]:
        found = self.client("dynamodb").scan(TableName=f"optio-prod-{table}")["Items"]  # type: ignore[attr-defined]
        return [item["id"]["S"] for item in found]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    emulator = Emulator(tmp_path)
    emulator.start()
    try:
        yield Account(emulator, tmp_path)
    finally:
        emulator.stop()


def test_a_stage_is_deployed_over_itself_and_keeps_what_it_holds(account: Account):
    said = account.release("deploy")
    assert "+ KeysTable (AWS::DynamoDB::Table)" in said
    assert "first admin key, shown this once: optio_pat_" in said
    keys = account.names("keys")
    assert len(keys) == 1

    again = account.release("deploy")
    assert "nothing to do" in again
    assert "optio_pat_" not in again

    changed = account.release("deploy", OPTIO_MAX_CONCURRENT="7")
    assert "~ Tick" in changed
    assert "REPLACED" not in changed
    assert account.names("keys") == keys
    assert "nothing to do" in account.release("deploy", OPTIO_MAX_CONCURRENT="7")

    account.release("destroy")
    assert account.names("keys") == keys
    account.release("destroy", DATA="delete")
    assert account.client("dynamodb").list_tables()["TableNames"] == []  # type: ignore[attr-defined]
