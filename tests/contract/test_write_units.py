"""Write units of a firing as DynamoDB charges them, counted by an emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app import app
from benchmarks.gateway import Api, blueprint, make_delivery, minutely, webhook_trigger
from benchmarks.meter import Meter, metered
from benchmarks.stage import stage
from chalicelib import wiring
from chalicelib.actions.firing import due_schedules
from tests.support.shared import ROOT

MOST = {"schedule": 16, "webhook": 14}
DECISION = ROOT / "docs" / "decisions" / "0037-what-a-firing-writes.md"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with stage() as emulated:
        yield Api(app, emulated.admin_key())


def written(meter: Meter) -> dict[str, float]:
    return {f"{table} {index}".strip(): units for (table, index), units in meter.units.items()}


def told(column: int) -> dict[str, float]:
    """Return a column of the decision's table."""
    row = r"^\| `([a-z_ ]+)` \| (\d+) \| (\d+) \| (\d+) \|$"
    rows = re.findall(row, DECISION.read_text(), re.MULTILINE)
    assert rows
    return {row[0]: float(row[column]) for row in rows if row[column] != "0"}


def test_a_schedule_writes_at_most_sixteen_units_item_by_item_as_decided(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    made = api.post("/api/tasks", blueprint(minutely()))
    pair = (made["triggers"][0]["id"], made["task"]["id"])
    later = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(wiring.Wiring, "now", lambda self: later)
    with metered() as meter:
        due_schedules.fire_due_triggers(wiring.get_world(), [pair])
    assert written(meter) == told(1)
    assert meter.write_units <= MOST["schedule"]


@pytest.mark.parametrize("named", [True, False])
def test_a_webhook_writes_at_most_fourteen_units_item_by_item_as_decided(api: Api, named: bool):
    path = f"alerts-{named}".lower()
    api.post("/api/tasks", blueprint(webhook_trigger(path)))
    with metered() as meter:
        assert "taskId" in api.send(make_delivery(path, 1, with_id=named))
    assert written(meter) == told(2 if named else 3)
    assert meter.write_units <= MOST["webhook"]
