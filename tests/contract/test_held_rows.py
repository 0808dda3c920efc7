"""Rows that a transaction holds: the stores in memory and those on DynamoDB meet them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib import ports, wiring
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Busy
from chalicelib.domain.firing.decision import Decision
from chalicelib.domain.firing.firing import Brief, Firing, Outcome
from chalicelib.domain.runs.run import Run, with_changes
from chalicelib.domain.versions import as_next_version
from chalicelib.storage import gates
from chalicelib.storage.dynamo import connection
from chalicelib.storage.records import SlotRecord
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld
from tests.support.item_locks import ItemLocks, locked_items
from tests.support.logical_time import Caller, LogicalTime, patient_stores
from tests.support.stored_runs import new_id, run

LONG = 60.0
"""Seconds for which no caller waits."""


class Held:
    """Stores whose transactions last for some time."""

    def __init__(self, world: Any, clock: LogicalTime) -> None:
        self.world, self.clock, self.seconds = world, clock, 0.0

    def last(self) -> None:
        self.clock.sleep(self.seconds)

    def during(self, begun: Callable[[], Any], what: Callable[[], Any]) -> Caller:
        """Let something be called a millisecond after a transaction has begun."""
        self.clock.call_at(self.clock.seconds, begun)
        caller = self.clock.call_at(self.clock.seconds + 0.001, what)
        self.clock.run()
        return caller


@pytest.fixture(params=["dynamodb", "memory"])
def held(request: pytest.FixtureRequest) -> Iterator[Held]:
    clock = LogicalTime()
    with ExitStack() as patched:
        if request.param == "memory":
            memory = MemoryWorld(lambda: NOON, lambda span: None)
            made = Held(memory, clock)
            memory.tables.while_held = made.last
            memory.tables.wait_for_rows = lambda: connection.RetryWindow().wait_briefly
        else:
            request.getfixturevalue("aws")
            made = Held(wiring.get_world(), clock)
            patched.enter_context(locked_items(ItemLocks(made.last)))
        patched.enter_context(patient_stores(clock))
        yield made


def added(world: Any) -> Blueprint:
    moments: Any = {"created_at": NOON, "updated_at": NOON}
    owner = Blueprint(
        id=new_id(), kind=Kind.STANDALONE, name="d", title="d", prompt="Go.", **moments
    )
    world.blueprints.add(owner, [], None)
    return owner


def decision(owner: Blueprint | None = None, of: Run | None = None, **more: Any) -> Decision:
    firing = Firing(
        id=new_id(), occurrence="1", outcome=Outcome.FIRED, fired_at=NOON, run_id=of and of.id
    )
    brief = Brief(prompt="Go.") if of else None
    return Decision(firing=firing, run=of, brief=brief, blueprint=owner, **more)


def firing_of(held: Held, owner: Blueprint) -> Callable[[], None]:
    return partial(held.world.firings.commit_decision, decision(owner))


@pytest.fixture
def one_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "GATES", 1)


def test_transactions_that_check_one_row_come_one_after_the_other(held: Held, one_gate: None):
    owner = added(held.world)
    held.seconds = 0.050
    began = held.clock.seconds
    caller = held.during(firing_of(held, owner), firing_of(held, owner))
    assert caller.error is None
    assert held.clock.seconds - began >= 2 * held.seconds


def test_a_row_that_is_checked_for_too_long_makes_others_give_up(held: Held, one_gate: None):
    owner = added(held.world)
    held.seconds = LONG
    caller = held.during(firing_of(held, owner), firing_of(held, owner))
    assert isinstance(caller.error, Busy)


def test_transactions_without_a_common_row_do_not_wait(held: Held):
    first, second = added(held.world), added(held.world)
    held.seconds = LONG
    began = held.clock.seconds
    caller = held.during(firing_of(held, first), firing_of(held, second))
    assert caller.error is None
    assert held.clock.seconds - began < 2 * LONG


def test_an_edit_waits_for_firings_of_its_blueprint(held: Held):
    owner = added(held.world)
    held.seconds = LONG
    edit = partial(held.world.blueprints.put, as_next_version(owner, owner), owner, [])
    assert isinstance(held.during(firing_of(held, owner), edit).error, Busy)


def test_a_write_of_one_row_waits_for_a_transaction_and_is_waited_for_by_none(held: Held):
    was = run()
    held.world.firings.commit_decision(decision(of=was))
    held.seconds = 0.050
    moved = partial(
        held.world.run_sets.move_run, with_changes(was, at=NOON), was, leaves=[], enters=["set"]
    )
    late = partial(held.world.runs.put, with_changes(was, at=NOON), was)
    caller = held.during(moved, late)
    assert "modified concurrently" in str(caller.error)

    held.seconds = LONG
    now = held.world.runs.get(was.id)
    again = partial(
        held.world.run_sets.move_run, with_changes(now, at=NOON), now, leaves=[], enters=["set"]
    )
    caller = held.during(again, partial(held.world.runs.put, with_changes(now, at=NOON), now))
    assert "ransaction is ongoing" in str(caller.error)


# Gates


def test_a_firing_under_an_older_version_finds_every_gate_shut(held: Held):
    owner = added(held.world)
    edited = as_next_version(owner, owner)
    held.world.blueprints.put(edited, owner, [])
    for _ in range(4 * gates.GATES):
        with pytest.raises(ports.WriteConflict) as refused:
            held.world.firings.commit_decision(decision(owner))
        assert refused.value.parts == {ports.Part.BLUEPRINT}
        held.world.firings.commit_decision(decision(edited))


def test_a_firing_of_a_removed_blueprint_finds_every_gate_shut(held: Held):
    owner = added(held.world)
    held.world.blueprints.remove(owner, [])
    for _ in range(4 * gates.GATES):
        with pytest.raises(ports.WriteConflict) as refused:
            held.world.firings.commit_decision(decision(owner))
        assert refused.value.parts == {ports.Part.BLUEPRINT}


def test_firings_are_spread_over_all_gates():
    used = {gates.gate_key("d", new_id()) for _ in range(200)}
    assert used == set(gates.gate_keys("d"))


def test_gates_that_older_code_left_behind_are_open(aws: None):
    """It edits the blueprint's row alone, so gates of an earlier edit have an earlier version."""
    world = wiring.get_world()
    owner = added(world)
    edited = as_next_version(owner, owner)
    world.blueprints.put(edited, owner, [])
    for _ in range(2 * gates.GATES):
        world.firings.commit_decision(decision(replace(edited, version=5)))


def test_gates_of_a_removed_blueprint_are_deleted_after_a_while(aws: None):
    world = wiring.get_world()
    owner = added(world)
    world.blueprints.remove(owner, [])
    rows = [SlotRecord.get(key) for key in gates.gate_keys(owner.id)]
    assert all(row.expires_at for row in rows)
