"""`make deploy`, as it is typed, on the emulator: data outlive what is deployed over them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.dev.emulator import ROOT, Emulator
from tests.bytecode import BYTECODE
from tests.support.operator_calls import RECORDING, find_refused

pytestmark = pytest.mark.slow


class Account:
    """An empty account, and a person who deploys to it."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        self._endpoint = emulator.endpoint
        self.calls = home / "calls"
        self.environment = {
            **emulator.credentials,
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            **BYTECODE,
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "STAGE": "prod",
            "YES": "1",
        }

    def release(self, verb: str, **settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RECORDING.format(path=str(self.calls)), verb],
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
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def runs(self, program: str) -> str:
        """Run Python as the owner of this account."""
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fill(self) -> None:
        """Put a row into each table of the stage, as old as the stage."""
        dynamodb: Any = self.client("dynamodb")
        for name in dynamodb.list_tables()["TableNames"]:
            table = dynamodb.describe_table(TableName=name)["Table"]
            described = table["AttributeDefinitions"]
            kinds = {one["AttributeName"]: one["AttributeType"] for one in described}
            keys = [key["AttributeName"] for key in table["KeySchema"]]
            row = {key: {kinds[key]: "7"} for key in keys}
            dynamodb.put_item(TableName=name, Item={**row, "note": {"S": f"kept in {name}"}})

    def rows(self) -> dict[str, list[Any]]:
        """Return all that the tables hold, but for the pulse that each tick leaves."""
        dynamodb: Any = self.client("dynamodb")
        names = [one for one in dynamodb.list_tables()["TableNames"] if "pulses" not in one]
        return {name: sorted(dynamodb.scan(TableName=name)["Items"], key=repr) for name in names}

    def indexes(self, kind: str) -> set[str]:
        dynamodb: Any = self.client("dynamodb")
        table = dynamodb.describe_table(TableName=f"optio-prod-{kind}")["Table"]
        return {one["IndexName"] for one in table.get("GlobalSecondaryIndexes", ())}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    emulator = Emulator(tmp_path)
    emulator.start()
    try:
        yield Account(emulator, tmp_path)
    finally:
        emulator.stop()


OLDER = """
import copy
from infra.release.deploy import Target
from infra.release.release import upgrade
target = Target({endpoint!r}, "prod")
older = copy.deepcopy(target.template())
runs = older["Resources"]["RunsTable"]["Properties"]
runs["GlobalSecondaryIndexes"] = runs["GlobalSecondaryIndexes"][2:]
keyed = [runs, *runs["GlobalSecondaryIndexes"]]
keys = {{key["AttributeName"] for part in keyed for key in part["KeySchema"]}}
runs["AttributeDefinitions"] = [
    one for one in runs["AttributeDefinitions"] if one["AttributeName"] in keys
]
upgrade(target, older)
"""


def test_a_stage_is_deployed_over_itself_and_keeps_what_it_holds(account: Account):
    said = account.release("deploy")
    assert "+ KeysTable (AWS::DynamoDB::Table)" in said
    assert "first admin key, shown this once: optio_pat_" in said
    account.fill()
    held = account.rows()
    assert len(held) > 10
    assert all(held.values())

    again = account.release("deploy")
    assert "nothing to do" in again
    assert "optio_pat_" not in again

    changed = account.release("deploy", OPTIO_MAX_CONCURRENT="7")
    assert "~ Tick" in changed
    assert "REPLACED" not in changed
    assert account.rows() == held
    assert "nothing to do" in account.release("deploy", OPTIO_MAX_CONCURRENT="7")

    account.release("destroy")
    assert account.rows() == held
    account.release("destroy", DATA="delete")
    assert account.rows() == {}
    assert "first admin key" in account.release("deploy")
    calls = account.calls.read_text().split()
    assert len(set(calls)) > 20
    assert find_refused(calls) == set()


def test_a_stage_that_lacks_two_indexes_gets_them_one_at_a_time(account: Account):
    account.release("deploy")
    account.fill()
    held, whole = account.rows(), account.indexes("runs")

    account.runs(OLDER.format(endpoint=account.environment["AWS_ENDPOINT_URL"]))
    assert len(account.indexes("runs")) == len(whole) - 2

    said = account.release("deploy")
    assert "3 steps: DynamoDB changes one index of a table at a time" in said
    assert said.count("~ RunsTable (AWS::DynamoDB::Table)") >= 2
    assert "step 3 of 3" in said
    assert "REPLACED" not in said
    assert account.indexes("runs") == whole
    assert account.rows() == held
    assert "nothing to do" in account.release("deploy")
