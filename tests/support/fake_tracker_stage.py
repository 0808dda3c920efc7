"""A stage in memory that waits for the tickets of one tracker."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.tickets import providers, sync
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import OnTicket, TicketSettings, Trigger
from chalicelib.integrations.github import issues
from chalicelib.integrations.trackers import jira, linear, notion
from tests.conftest import NOON
from tests.fakes.tracker import CREDENTIAL, FakeTracker, Item
from tests.simulation.memory import MemoryWorld

MINUTE = timedelta(minutes=1)


class Place:
    """A stage in memory, one tracker, and one trigger that waits for the label `agent`."""

    def __init__(self, tracker: FakeTracker) -> None:
        self.now = NOON
        self.tracker = tracker
        tracker.now = lambda: self.now
        self.world: Any = MemoryWorld(lambda: self.now, lambda span: None)
        moments = {"created_at": NOON, "updated_at": NOON}
        self.blueprint = Blueprint(
            id="d", kind=Kind.STANDALONE, name="Fix", title="Fix", prompt="{{title}}", **moments
        )
        waiting = OnTicket(
            id="t",
            blueprint_id="d",
            blueprint_kind="standalone",
            ticket=TicketSettings(source=tracker.source, labels=("agent",)),
            **moments,
        )
        blueprints.create_blueprint(self.world, self.blueprint, [waiting])
        new = TicketProvider(
            id="p", name="P", source=tracker.source, config=tracker.config, **moments
        )
        providers.create_provider(self.world, new, CREDENTIAL)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.now += MINUTE
            sync.sync_provider(self.world, "p")

    @property
    def provider(self) -> TicketProvider:
        found: TicketProvider = self.world.providers.get("p")
        return found

    @property
    def trigger_looked(self) -> bool:
        ticket = self.world.triggers.get("t").ticket
        assert ticket is not None
        return "p" in ticket.looked

    def fired(self) -> Counter[str]:
        rows = [row[0] for row in self.world.tables.all("firings")]
        return Counter(row.occurrence for row in rows if row.run_id)

    def expected(self) -> Counter[str]:
        source, name = self.tracker.source, self.tracker.external_id
        return Counter(f"{source}:{name(item)}" for item in self.tracker.items.values())


BEFORE = NOON - timedelta(days=30)
ANSWER = timedelta(seconds=0.4)
"""How long a tracker takes for an answer."""


class Slow(Place):
    """A stage whose clock advances while its tracker answers, driven like a real stage."""

    def __init__(self, tracker: FakeTracker) -> None:
        super().__init__(tracker)
        self.longest = timedelta(0)
        self.syncs = 0
        self.answer: Any = lambda: None
        tracker.broken = self._answer

    def _answer(self) -> Any:
        self.now += ANSWER
        return self.answer()

    def sync(self) -> None:
        """Let the next sync come when it is due."""
        due = self.provider.due_at
        assert due is not None
        self.now = max(self.now, due)
        began, self.syncs = self.now, self.syncs + 1
        sync.sync_provider(self.world, "p")
        self.longest = max(self.longest, self.now - began)

    def read(self, most: int = 400) -> None:
        """Sync until nothing is in the midst of being read."""
        self.sync()
        for _ in range(most):
            if self.provider.long_listing is None:
                return
            self.sync()
        pytest.fail("it does not come to an end")

    def greedy(self) -> None:
        """Add a trigger that also fires the backlog."""
        moments = {"created_at": self.now, "updated_at": self.now}
        blueprint = replace(self.blueprint, id="g", name="Greedy", **moments)
        config = TicketSettings(source=self.tracker.source, labels=("agent",), include_backlog=True)
        waiting = OnTicket(
            id="gt",
            blueprint_id="g",
            blueprint_kind="standalone",
            ticket=config,
            **moments,
        )
        blueprints.create_blueprint(self.world, blueprint, [waiting])

    def outcomes(self, trigger: str = "t") -> Counter[tuple[str, str]]:
        rows = [row[0] for row in self.world.tables.all("firings")]
        ours = [row for row in rows if row.trigger_id == trigger]
        return Counter((row.occurrence, row.reason or row.outcome.value) for row in ours)

    def name(self, item: Item) -> str:
        return f"{self.tracker.source}:{self.tracker.external_id(item)}"

    def trigger(self, key: str = "t") -> Trigger:
        found: Trigger = self.world.triggers.get(key)
        return found


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every tracker return five tickets on a page."""
    for module in (issues, jira, linear, notion):
        monkeypatch.setattr(module, "PAGE_SIZE", 5)


def filled(place: Slow, count: int, each: int = 1) -> list[Item]:
    """Add old tickets, every so manyeth of them with the label; return those."""
    made = []
    for number in range(count):
        carries = number % each == 0
        at = BEFORE + timedelta(seconds=number)
        made.append(place.tracker.add("agent" if carries else "other", at=at))
    return [item for item in made if "agent" in item.labels]


def listings(place: Slow) -> int:
    """Return how many pages of tickets were asked for."""
    comments = ("/comment", "/blocks/")
    asked = [path for path, _ in place.tracker.requests]
    return len([path for path in asked if not any(part in path for part in comments)])
