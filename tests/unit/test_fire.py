"""The one way to fire: what becomes of an occurrence, and who decides it after a lost race."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.firing.fire import (
    AlreadyFired,
    Fired,
    FireResult,
    Gone,
    Patience,
    Stale,
    fire_occurrence,
)
from chalicelib.actions.firing.firing import Occurrence, decide_firing
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Busy
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.triggers.trigger import OnWebhook, WebhookSettings
from chalicelib.storage import gates
from infra.dev.emulator import ROOT
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld


class Firing:
    """A webhook trigger in a stage in memory, and what happens between decision and commit."""

    def __init__(self) -> None:
        self.world: Any = MemoryWorld(lambda: NOON, lambda span: None)
        self.decided: list[FiringContext] = []
        moments = {"created_at": NOON, "updated_at": NOON}
        owner = Blueprint(
            id="d",
            kind=Kind.STANDALONE,
            name="Watch",
            title="Watch",
            prompt="Go.",
            agent_type="command",
            **moments,
        )
        hook = WebhookSettings(path="p")
        trigger = OnWebhook(
            id="t",
            blueprint_id="d",
            blueprint_kind=owner.kind,
            webhook=hook,
            **moments,
        )
        blueprints.create_blueprint(self.world, owner, [trigger])

    @property
    def context(self) -> FiringContext:
        found: FiringContext = self.world.triggers.read_contexts([("t", "d")])["t"]
        return found

    def rename_blueprint(self) -> None:
        was = self.world.blueprints.get("d")
        blueprints.change_blueprint(self.world, was, replace(was, name=f"{was.name}!"))

    def fire(
        self,
        meanwhile: Callable[[], object] = lambda: None,
        *,
        patience: Patience = Patience.WEBHOOK,
        change: Callable[[Decision], Decision] = lambda decision: decision,
    ) -> FireResult:
        """Fire one occurrence; `meanwhile` happens after each decision."""

        def decide(context: FiringContext) -> Decision:
            occurrence = Occurrence(source="t", identity="1", trigger_type="webhook")
            decision = change(decide_firing(self.world, context, occurrence))
            self.decided.append(context)
            meanwhile()
            return decision

        return fire_occurrence(self.world, self.context, decide, patience)

    def ledger(self) -> list[Any]:
        return self.world.tables.all("firings")


def once(what: Callable[[], object]) -> Callable[[], object]:
    """Return something that happens the first time only."""
    left = [what]
    return lambda: left.pop()() if left else None


def test_an_occurrence_is_written_with_its_run():
    stage = Firing()
    result = stage.fire()
    assert isinstance(result, Fired)
    assert result.decision.run == stage.world.runs.get(result.decision.firing.run_id)
    assert len(stage.ledger()) == 1


def test_an_occurrence_is_decided_again_under_the_present_blueprint():
    stage = Firing()
    result = stage.fire(once(stage.rename_blueprint))
    assert isinstance(result, Fired)
    assert [context.blueprint.name for context in stage.decided] == ["Watch", "Watch!"]
    assert result.context.blueprint.name == "Watch!"
    assert len(stage.ledger()) == 1


@pytest.mark.parametrize("patience", Patience)
def test_each_patience_ends_and_nothing_is_written(patience: Patience):
    stage = Firing()
    assert stage.fire(stage.rename_blueprint, patience=patience) == Stale()
    assert len(stage.decided) == patience
    assert stage.ledger() == []


@pytest.mark.parametrize("patience", Patience)
def test_rows_that_others_hold_are_waited_for_again_and_not_for_ever(patience: Patience):
    stage = Firing()
    stage.world.tables.held.update(("gates", key) for key in gates.gate_keys("d"))
    with pytest.raises(Busy):
        stage.fire(patience=patience)
    assert len(stage.decided) == patience.busy_writes
    assert stage.ledger() == []


def test_a_schedule_waits_longer_for_rows_than_a_sender_does():
    assert (
        Patience.SCHEDULE.busy_writes > Patience.TICKET.busy_writes > Patience.WEBHOOK.busy_writes
    )


def test_a_second_firing_of_an_occurrence_is_found_by_its_id():
    stage = Firing()
    stage.fire()
    result = stage.fire()
    assert isinstance(result, AlreadyFired)
    assert not result.by_claim
    assert len(stage.ledger()) == 1


def test_a_second_firing_of_an_occurrence_is_found_by_its_claim():
    ends = NOON + timedelta(hours=1)
    held = IdempotencyClaim(key="k", digest="d", result="r", expires_at=ends)
    stage = Firing()
    stage.fire(change=lambda decision: replace(decision, claim=held))
    result = stage.fire(change=lambda decision: replace(decision, claim=held))
    assert isinstance(result, AlreadyFired)
    assert result.by_claim


def test_a_trigger_that_is_removed_meanwhile_fires_nothing():
    stage = Firing()
    remove = lambda: blueprints.remove_trigger(stage.world, stage.context.trigger)  # noqa: E731
    assert stage.fire(once(remove)) == Gone()
    assert stage.ledger() == []


def test_an_occurrence_that_no_longer_applies_is_not_written():
    stage = Firing()
    assert fire_occurrence(stage.world, stage.context, lambda context: None, 3) == Gone()
    assert stage.ledger() == []


def edit_trigger(stage: Firing) -> None:
    trigger = stage.context.trigger
    assert trigger is not None
    stage.world.triggers.save_progress(replace(trigger, version=trigger.version + 1), trigger)


def test_a_trigger_that_another_process_moved_on_is_left_to_it():
    stage = Firing()

    def moving(decision: Decision) -> Decision:
        before = stage.context.trigger
        assert before is not None
        after = replace(before, version=before.version + 1, decided_until=NOON)
        return replace(decision, trigger=(before, after))

    assert stage.fire(lambda: edit_trigger(stage), change=moving) == Stale()
    assert len(stage.decided) == 1


def test_a_trigger_that_is_only_checked_is_read_again():
    stage = Firing()

    def checking(decision: Decision) -> Decision:
        trigger = stage.context.trigger
        assert trigger is not None
        return replace(decision, trigger=(trigger, trigger))

    assert isinstance(stage.fire(once(lambda: edit_trigger(stage)), change=checking), Fired)
    assert len(stage.decided) == 2


def test_decisions_are_written_at_one_place():
    writers = {
        str(path.relative_to(ROOT / "chalicelib"))
        for path in (ROOT / "chalicelib").rglob("*.py")
        if "firings.commit_decision(" in path.read_text()
    }
    assert writers == {"actions/firing/fire.py"}
