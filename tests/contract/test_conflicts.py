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
from chalicelib.domain.run import queued, touch
from chalicelib.domain.secret import GLOBAL, Secret
from chalicelib.storage import connection
from tests.conftest import NOON
from tests.contract.test_compare_and_swap import run

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
        error = {"Code": connection.CONFLICT, "Message": "Transaction is ongoing for the item"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

    monkeypatch.setattr(botocore.client.BaseClient, "_make_request", request)
    return lambda operation, times: left.update({operation: times})


def test_a_write_waits_for_the_transaction_that_writes_its_item(busy: Busy):
    runs = wiring.world().runs
    was = queued(run(), by="test", message="")
    busy("PutItem", 3)
    with pytest.raises(Exception, match="modified concurrently"):
        runs.put(touch(was, at=NOON), was)  # it is not there: its own condition decides


def test_a_counter_waits_in_the_same_way(busy: Busy):
    slots = wiring.world().slots
    busy("UpdateItem", 2)

    slots.hold("stage", ["a"], NOON + timedelta(hours=1))

    assert slots.held("stage") == {"a"}


def test_a_removal_waits_in_the_same_way(busy: Busy):
    secrets = wiring.world().secrets
    secrets.put(Secret(name="TOKEN", scope=GLOBAL, created_at=NOON, updated_at=NOON))
    busy("DeleteItem", 1)

    secrets.remove("TOKEN", GLOBAL)

    assert secrets.all() == []


def test_a_conflict_without_end_is_told(busy: Busy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.1)
    busy("UpdateItem", 1000)

    with pytest.raises(PynamoDBException, match="Transaction is ongoing"):
        wiring.world().slots.hold("stage", ["a"])
