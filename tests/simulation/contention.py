"""Deliveries that come at once to one webhook, over stores whose transactions hold their rows.

Everything happens in logical time: each transaction holds its rows for ten milliseconds, and who
meets it waits as the stores do on AWS. So the numbers are the same on every machine.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.firing import inbound_webhooks
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Busy
from chalicelib.domain.runs.run import move_run
from chalicelib.domain.runs.run_keys import STAGE_COUNTER
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.trigger import (
    OnSchedule,
    OnWebhook,
    Overlap,
    ScheduleSettings,
    WebhookSettings,
)
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.storage import gates
from chalicelib.storage.dynamo import connection
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld
from tests.support.logical_time import Caller, LogicalTime, patient_stores
from tests.support.stored_runs import run

HOLD_SECONDS = 0.010


class Crowd:
    """A stage in memory with one webhook, and all its callers."""

    def __init__(self, seed: int = 1, *, overlap: Overlap = Overlap.ALLOW) -> None:
        self.clock = LogicalTime(seed)
        self.rng = random.Random(f"arrivals {seed}")
        self.world: Any = MemoryWorld(self._now, self._wait)
        self.callers: list[Caller] = []
        self.answered: list[float] = []
        self._make_blueprint(overlap)
        tables = self.world.tables
        tables.while_held = partial(self.clock.sleep, HOLD_SECONDS)
        tables.wait_for_rows = lambda: connection.RetryWindow().wait_briefly

    def _now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds)

    def _wait(self, span: timedelta) -> None:
        self.clock.sleep(span.total_seconds())

    def _make_blueprint(self, overlap: Overlap) -> None:
        moments: Any = {"created_at": NOON, "updated_at": NOON}
        owner = Blueprint(
            id="d",
            kind=Kind.STANDALONE,
            name="Watch",
            title="Watch",
            prompt="Go.",
            agent_type="command",
            **moments,
        )
        owned: Any = {"blueprint_id": "d", "blueprint_kind": owner.kind.value, **moments}
        yearly = ScheduleSettings(cron="0 0 1 1 *", overlap=overlap)
        triggers = [
            OnWebhook(id="t", webhook=WebhookSettings(path="p"), **owned),
            OnSchedule(id="s", schedule=yearly, **owned),
        ]
        blueprints.create_blueprint(self.world, owner, triggers)

    def deliver(self, number: int) -> Any:
        """Deliver once; raise `Busy` if its firing could not be written in time."""
        headers = {"x-optio-delivery": f"delivery-{number}"}
        delivery = InboundDelivery(headers=headers, body=b"{}")
        return inbound_webhooks.receive_delivery(self.world, "p", delivery)

    def edit(self, number: int) -> None:
        """Edit the blueprint once; raise `Busy` if firings held its gates for too long."""
        was = self.world.blueprints.get("d")
        blueprints.change_blueprint(self.world, was, replace(was, name=f"Watch {number}"))

    def admit(self, number: int) -> None:
        """Start a run of a blueprint of its own, in a stage with room for all of them."""
        was = replace(run(), blueprint_id=f"d{number}")
        self.world.tables.rows["runs"][was.id] = was
        new = move_run(was, State.PROVISIONING, by="admission", message="admitted", at=NOON)
        self.world.slots.take_slots(new, was, {f"definition#d{number}": 1, STAGE_COUNTER: 10**6})

    def come(self, moments: Iterable[float], what: Callable[[int], Any]) -> None:
        """Let a caller come at each moment."""
        for number, moment in enumerate(moments):
            begun = partial(self._noted, partial(what, number), moment)
            self.callers.append(self.clock.call_at(moment, begun))

    def _noted(self, what: Callable[[], Any], came: float) -> Any:
        try:
            return what()
        finally:
            self.answered.append(self.clock.seconds - came)

    def spread(self, number: int, seconds: float) -> list[float]:
        """Return moments within some seconds."""
        return sorted(self.rng.uniform(0, seconds) for _ in range(number))

    def run(self) -> None:
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with patient_stores(self.clock):
                self.clock.run()
        finally:
            logging.disable(before)

    def busy(self) -> int:
        """Return how many were refused because others held the rows; no caller fails otherwise."""
        errors = [caller.error for caller in self.callers if caller.error]
        others = [error for error in errors if not isinstance(error, Busy)]
        if others:
            raise others[0]
        return len(errors)


Moments = Callable[[Crowd], list[float]]
"""Returns when deliveries come."""


@contextmanager
def with_gates(number: int) -> Iterator[None]:
    """Let each blueprint have some gates; one is what checking its own row would be."""
    with patch.object(gates, "GATES", number):
        yield


@dataclass(frozen=True)
class Crush:
    """The answers to some deliveries: how many were 503, and the longest wait for one."""

    busy: int
    slowest: float


def crush(moments: Moments, number: int, **more: Any) -> Crush:
    """Let deliveries come to a blueprint with some gates."""
    crowd = Crowd(**more)
    with with_gates(number):
        crowd.come(moments(crowd), crowd.deliver)
        crowd.run()
    return Crush(crowd.busy(), max(crowd.answered))


def refused_edits(rate: int, number: int) -> int:
    """Return how many of twenty edits are refused while so many deliveries a second come."""
    crowd = Crowd()
    with with_gates(number):
        crowd.come(crowd.spread(20 * rate, 20), crowd.deliver)
        deliveries = list(crowd.callers)
        crowd.come([second + 0.5 for second in range(20)], crowd.edit)
        crowd.run()
    edits = [caller for caller in crowd.callers if caller not in deliveries]
    return sum(isinstance(caller.error, Busy) for caller in edits)


def refused_admissions(number: int) -> int:
    """Return how many of some runs that start within a second do not get their slot."""
    crowd = Crowd()
    crowd.come(crowd.spread(number, 1), crowd.admit)
    crowd.run()
    return crowd.busy()


SCENES: dict[str, Moments] = {
    "100 deliveries a second, for ten seconds": lambda crowd: crowd.spread(1000, 10),
    "200 deliveries at once": lambda crowd: [0.0] * 200,
    "500 deliveries within a second": lambda crowd: crowd.spread(500, 1),
}
