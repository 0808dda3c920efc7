"""The same storm over the real stores on moto, with faults where botocore sends.

Its transactions hold their items, as those of AWS do and those of an emulator do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from botocore.endpoint import Endpoint

from chalicelib import wiring
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.firing.firing import Firing
from chalicelib.storage.blueprint_rows import load_trigger
from chalicelib.storage.dynamo import codec, connection
from chalicelib.storage.records import (
    BlueprintRecord,
    FiringRecord,
    RunRecord,
    SlotRecord,
    TriggerRecord,
)
from chalicelib.storage.runs.runs import from_record
from tests.simulation.memory import FixedPolicy, MemoryLogs, NoMetrics
from tests.simulation.simulator import Faulty, LossyQueue, Simulator
from tests.support.item_locks import TRANSACTION, ItemLocks

CONFLICT = "TransactionConflict"


class RealWorld(wiring.Wiring):
    """The stage's own stores, under a clock, queues and limits of ours."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.fire_queue = Faulty(LossyQueue(simulator, "fire"), simulator)  # type: ignore[misc]
        self.steps_queue = Faulty(LossyQueue(simulator, "steps"), simulator)  # type: ignore[misc]
        self.metrics = NoMetrics()  # type: ignore[misc]
        self.logs = MemoryLogs()  # type: ignore[misc]
        # Nobody keeps a log of commits here: only what is left in the end is judged.
        self.tables = SimpleNamespace(log=[], rows={"slots": {}})

    @property
    def policy(self) -> Any:
        return FixedPolicy()

    def now(self) -> Any:
        return self._simulator.now()

    def wait(self, span: Any) -> None:
        self._simulator.wait(span)


class RealSimulator(Simulator):
    """A storm over what botocore sends."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, world=object(), hours=0.2, size=2)
        self.world = RealWorld(self)

    def all(self, table: str) -> list[Any]:
        if table == "runs":
            return [from_record(row) for row in RunRecord.scan()]
        if table == "firings":
            return [(codec.load_json(Firing, row.data), None) for row in FiringRecord.scan()]
        if table == "triggers":
            return [load_trigger(row.data) for row in TriggerRecord.scan()]
        assert table == "blueprints"
        return [codec.load_json(Blueprint, row.data) for row in BlueprintRecord.scan()]

    def edit(self, owner: Blueprint) -> None:
        """Without a log of commits the schedule of a given time would be unknown afterwards."""

    def plan_restart(self) -> None:
        """Moto keeps nothing that was saved seconds apart."""

    def run(self) -> RealSimulator:
        with faults(self):
            super().run()
        for row in SlotRecord.scan():
            self.world.tables.rows["slots"][row.id] = frozenset(row.held or ())
        return self


@contextmanager
def faults(simulator: Simulator) -> Iterator[None]:
    """Fail, die and interleave around each request; conflicts are what emulators never make."""
    real, locks = Endpoint.make_request, ItemLocks(simulator.hold)

    def make_request(self: Any, model: Any, request: Any) -> Any:
        if not simulator.processes:
            return real(self, model, request)
        simulator.before_call()
        if model.name == TRANSACTION and simulator.rng.random() < simulator.weather.fails:
            return _conflict()
        answer = _send(locks, model, request, lambda: real(self, model, request))
        simulator.after_call()
        return answer

    def slept(seconds: float) -> None:
        simulator.clock += simulator.clock.resolution * int(seconds * 1e6)

    time = SimpleNamespace(monotonic=lambda: simulator.clock.timestamp(), sleep=slept)
    with (
        patch.object(Endpoint, "make_request", make_request),
        patch.object(connection, "time", time),
    ):
        yield


def _send(locks: ItemLocks, model: Any, request: Any, send: Callable[[], Any]) -> Any:
    if model.service_model.service_name != "dynamodb":
        return send()
    return locks.send(model.name, request["body"], send)


def _conflict() -> tuple[Any, dict[str, Any]]:
    parsed = {
        "Error": {
            "Code": "TransactionCanceledException",
            "Message": f"Transaction cancelled, reasons [{CONFLICT}]",
        },
        "CancellationReasons": [{"Code": CONFLICT, "Message": "in conflict"}],
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RequestId": "r"},
    }
    return SimpleNamespace(status_code=400, headers={}, content=b""), parsed
