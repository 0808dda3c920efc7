"""Refusals of AWS while a transaction writes the same item, which emulators never make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import botocore.client
import pytest
from pynamodb.exceptions import PynamoDBException

from chalicelib import wiring
from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.runs.run import queue_run, with_changes
from chalicelib.storage.dynamo import connection
from tests.conftest import NOON
from tests.support.stored_runs import run

Busy = Callable[[str, int], None]


@pytest.fixture
def busy(aws: None, monkeypatch: pytest.MonkeyPatch) -> Busy:
    """Let the next writes of a kind meet another transaction."""
    left: dict[str, int] = {}
    real = botocore.client.BaseClient._make_request

    def request(self: Any, model: Any, *rest: Any) -> Any:
        if not left.get(model.name):
            return real(self, model, *rest)
        left[model.name] -= 1
        error = {
            "Code": connection.TRANSACTION_CONFLICT,
            "Message": "Transaction is ongoing for the item",
        }
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

    monkeypatch.setattr(botocore.client.BaseClient, "_make_request", request)
    return lambda operation, times: left.update({operation: times})


def test_a_write_waits_for_the_transaction_that_writes_its_item(busy: Busy):
    runs = wiring.get_world().runs
    was = queue_run(run(), by="test", message="")
    busy("PutItem", 3)
    with pytest.raises(Exception, match="modified concurrently"):
        runs.put(with_changes(was, at=NOON), was)  # it is not there: its own condition decides


def test_a_counter_waits_in_the_same_way(busy: Busy):
    run_sets = wiring.get_world().run_sets
    busy("UpdateItem", 2)

    run_sets.hold_runs("stage", ["a"], NOON + timedelta(hours=1))

    assert run_sets.held_runs("stage") == {"a"}


def test_a_removal_waits_in_the_same_way(busy: Busy):
    secrets = wiring.get_world().secrets
    secrets.put(Secret(name="TOKEN", scope=GLOBAL_SCOPE, created_at=NOON, updated_at=NOON))
    busy("DeleteItem", 1)

    secrets.remove("TOKEN", GLOBAL_SCOPE)

    assert secrets.list_all() == []


def test_a_conflict_without_end_is_told(busy: Busy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.1)
    busy("UpdateItem", 1000)

    with pytest.raises(PynamoDBException, match="Transaction is ongoing"):
        wiring.get_world().run_sets.hold_runs("stage", ["a"])
