"""A storm with notifications: each event is sent, and nothing else, even if processes die.

SQS loses no message, so the queue of notifications loses none here; all else may go wrong. A local
stack that is killed starts again with tables and queues of one moment, since a fork saves both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.actions import due_messages
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications import notification as notices
from chalicelib.domain.notifications.delivery import Delivery, HttpResult, Standing
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.runs.state import State
from chalicelib.ports import DueRow, Part, WriteConflict
from tests.simulation.memory import MemoryWorld, Tables, Write, absent, at_version, put
from tests.simulation.simulator import CALM, MINUTE, START, Faulty, LossyQueue, Simulator, patched

LISTENER = WebhookEndpoint(
    id="w1",
    url="w1|https://ops.example.com/x",
    address="https://ops.example.com/x",
    secrets=("w1|whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",),
    events=tuple(Event),
    created_at=START,
    updated_at=START,
)
STATES = {
    State.COMPLETED: Event.COMPLETED,
    State.FAILED: Event.FAILED,
    State.NEEDS_ATTENTION: Event.NEEDS_ATTENTION,
}


class OneListener:
    """The store of a stage with one webhook, which is never disabled."""

    def list_cached(self) -> list[WebhookEndpoint]:
        return [LISTENER]

    list_all = list_cached

    def get(self, webhook_id: str) -> WebhookEndpoint:
        return LISTENER

    def put(self, new: WebhookEndpoint, was: WebhookEndpoint) -> None: ...


class ToldDeliveries:
    """The store of deliveries, in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, webhook_id: str, place: str) -> Delivery:
        found: Delivery | None = self._tables.get("deliveries", place)
        if found is None:
            raise NotFound("delivery", place)
        return found

    def add(self, new: Delivery) -> bool:
        try:
            self._tables.commit(
                [Write(Part.DELIVERY, "deliveries", new.list_position, absent, put(new))]
            )
        except WriteConflict:
            return False
        return True

    def put(self, new: Delivery, was: Delivery) -> None:
        same = at_version(was.version)
        try:
            self._tables.commit(
                [Write(Part.DELIVERY, "deliveries", new.list_position, same, put(new))]
            )
        except WriteConflict as taken:
            raise Superseded("modified concurrently") from taken

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        for row in self._tables.indexed("deliveries"):
            if row.due_at and row.due_at <= until:
                yield DueRow("delivery", row.list_position, row.due_at, webhook_id=row.webhook_id)


class Receiver:
    """Takes what is posted, or in a storm does not."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.taken: list[str] = []

    def send_request(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResult:
        if self._simulator.rng.random() < 20 * self._simulator.weather.fails:
            return HttpResult(code=503)
        self.taken.append(headers["webhook-id"])
        return HttpResult(code=200)


class ToldSimulator(Simulator):
    """A stage with one webhook endpoint that receives all events."""

    reaches_out = False
    closing = False

    def _memory(self) -> MemoryWorld:
        made = super()._memory()
        self.receiver = Receiver(self)
        made.webhook_endpoints = Faulty(OneListener(), self)
        made.deliveries = Faulty(ToldDeliveries(made.tables), self)
        made.notify_queue = Faulty(LossyQueue(self, "notify"), self)
        made.webhook_sender = Faulty(self.receiver, self)
        return made

    def plan_saves(self, killed: datetime, saved: dict[str, Any]) -> None:
        def save() -> None:
            self.save_tables(saved)
            self.save_queues(saved)

        self.at(killed - timedelta(seconds=self.rng.uniform(0, 5)), save)

    def post(self, kind: str, body: dict[str, str], delay: timedelta, receives: int = 0) -> None:
        storm = self.weather
        if kind == "notify":
            self.weather = replace(storm, loses=0.0)
        try:
            super().post(kind, body, delay, receives)
        finally:
            self.weather = storm

    def deliver(self, kind: str, body: dict[str, str], receives: int) -> None:
        if kind == "notify" or not self.closing:
            super().deliver(kind, body, receives)

    def runner(self, name: str) -> None:
        if not self.closing:
            super().runner(name)

    def tick_once(self) -> None:
        if not self.closing:
            super().tick_once()
            return
        with self.process():
            due_messages.enqueue_rows(
                self.world, self.world.deliveries.iter_due(self.now() + 2 * MINUTE)
            )

    def run(self) -> Simulator:
        """Let the storm pass, stop everything except notifications, and let them settle."""
        super().run()
        self.closing, self.weather = True, CALM
        with patched(self):
            self.until(self.clock + timedelta(hours=30))
        return self


def happened(simulator: Simulator) -> set[str]:
    """Return the ids of the deliveries that there have to be, from what is stored."""
    found = set()
    for run in simulator.all("runs"):
        for entry in run.history:
            if entry.to_state in STATES:
                found.add(_delivery(STATES[entry.to_state], run.id, entry.id))
    for record, _ in simulator.all("firings"):
        event = notices.event_of_firing(record)
        if event:
            found.add(_delivery(event, record.id, ""))
    for blueprint in simulator.all("blueprints"):
        if blueprint.broken_by:
            found.add(_delivery(Event.PAUSED, blueprint.id, blueprint.broken_by))
    return found


def _delivery(event: Event, of: str, entry: str) -> str:
    name = notices.notification_id(event, of, entry)
    return deliveries.delivery_for(
        LISTENER.id, Notification(id=name, event=event, at=START, data={}), START
    ).id


def untrue(simulator: ToldSimulator) -> Iterator[str]:
    """Return missing, wrong or endless notifications."""
    kept: list[Delivery] = simulator.all("deliveries")
    told = {one.id for one in kept}
    expected = happened(simulator)
    # A definition names the last run that broke it only; those before it were told as well.
    earlier = {one.id for one in kept if one.event is Event.PAUSED}
    for missing in expected - told:
        yield f"{missing} happened and was not told"
    for invented in told - expected - earlier:
        yield f"{invented} was told and did not happen"
    for one in kept:
        if one.standing is Standing.PENDING:
            yield f"{one.id} is still on its way"
        if one.standing is Standing.DELIVERED and one.id not in simulator.receiver.taken:
            yield f"{one.id} counts as delivered and never arrived"
    if len(kept) != len(told):
        yield "something was told under two ids"
