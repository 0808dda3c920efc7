"""Messages of one schedule, each delivered alone, as AWS does under low load."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.actions.blueprints import blueprints
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import Overlap, ScheduleSettings
from tests.simulation.simulator import CALM, MINUTE, SECOND, START, Simulator, patched

AT_MOST = 3
"""Messages of a minute: that of the one who fired before, and that of the tick."""


class OneSchedule(Simulator):
    """A stage with one minutely schedule, which counts the messages of each minute."""

    reaches_out = False

    def __init__(self, seed: int, repeats: float) -> None:
        super().__init__(seed, size=0)
        self.weather = replace(CALM, repeats=repeats)
        self.handled_in: Counter[int] = Counter()

    def deliver(self, kind: str, body: dict[str, str], receives: int) -> None:
        if kind == "fire":
            # What is sent for a moment may come a second before it: a minute has it in the middle.
            self.handled_in[int((self.clock - START) / MINUTE + 0.5)] += 1
        super().deliver(kind, body, receives)

    def let_hours_pass(self, hours: float) -> None:
        moments = {"created_at": START, "updated_at": START}
        owner = Blueprint(
            id=self.new_id(),
            kind=Kind.STANDALONE,
            name="d",
            title="d",
            prompt="Go.",
            agent_type="command",
            **moments,
        )
        every_minute = ScheduleSettings(cron="* * * * *", overlap=Overlap.SKIP)
        trigger = self.trigger(owner, TriggerType.SCHEDULE, schedule=every_minute)
        with patched(self):
            blueprints.create_blueprint(self.world, owner, [trigger])
            self.at(START + SECOND, self.tick)
            self.until(START + timedelta(hours=hours))


@pytest.mark.parametrize("seed", range(10))
def test_a_minutely_schedule_costs_at_most_three_messages_a_minute(seed: int):
    stage = OneSchedule(seed, repeats=0)
    stage.let_hours_pass(2)
    minutes = [stage.handled_in[minute] for minute in range(60, 120)]
    assert max(minutes) <= AT_MOST
    assert sum(minutes) >= 60


@pytest.mark.parametrize("seed", range(5))
def test_messages_that_come_twice_do_not_multiply(seed: int):
    stage = OneSchedule(seed, repeats=0.5)
    stage.let_hours_pass(3)
    in_first_hour = sum(stage.handled_in[minute] for minute in range(60))
    in_third_hour = sum(stage.handled_in[minute] for minute in range(120, 180))
    assert in_third_hour <= 1.3 * in_first_hour
    assert in_third_hour <= 2 * 60 * AT_MOST
