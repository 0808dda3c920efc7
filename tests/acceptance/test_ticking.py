"""A tick that finds more than it can send."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from chalicelib import wiring
from chalicelib.actions import due_messages
from chalicelib.actions.scheduler import tick
from chalicelib.ports import DueRow, World
from chalicelib.storage.dynamo import codec
from tests.conftest import Stage
from tests.support.scheduled_blueprint import made


def test_what_is_due_comes_in_the_order_of_its_time_whichever_part_of_the_index_it_is_in(
    stage: Stage,
):
    for number in range(16):
        made(stage, config={"cronExpression": f"{(number * 7) % 16 + 1} * * * *"})
    rows = list(wiring.get_world().triggers.iter_due(stage.now + timedelta(hours=1)))
    assert len(rows) == 16
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert len({codec.shard_of(row.id) for row in rows}) > 1


def test_a_tick_that_runs_out_of_time_sends_the_longest_overdue_and_leaves_the_rest_to_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    for minute in (5, 3, 1, 4, 2):
        made(stage, config={"cronExpression": f"{minute} 12 * * *"})
    stage.now += timedelta(minutes=6)
    sent: list[DueRow] = []

    def slowly(world: World, rows: Iterable[DueRow]) -> None:
        sent.extend(rows)
        stage.now += tick.MAX_TICK_DURATION * 0.6

    monkeypatch.setattr(tick, "MAX_ROWS_PER_SEND", 2)
    monkeypatch.setattr(due_messages, "enqueue_rows", slowly)
    world = wiring.get_world()
    began = stage.now

    assert tick.run_tick(world) == 4
    assert [row.at.minute for row in sent] == [1, 2, 3, 4]
    assert world.markers.last_time("tick") == began
    assert stage.ok("GET", "/api/health/scheduler")["status"] == "late"

    monkeypatch.undo()
    stage.pass_time(timedelta(minutes=1))
    assert stage.ok("GET", "/api/health/scheduler")["status"] == "ok"
