"""One contract for the stores of a stage and those in memory, on which the simulation runs."""

from __future__ import annotations

import pytest

from chalicelib import ports, wiring
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld
from tests.support.declared_conflicts import DeclaredWorld


@pytest.fixture(params=["dynamodb", "memory"])
def world(request: pytest.FixtureRequest) -> ports.World:
    """Return a world whose stores raise only conflicts that their protocols declare."""
    if request.param == "memory":
        return DeclaredWorld(MemoryWorld(lambda: NOON, lambda span: None))
    request.getfixturevalue("aws")
    return DeclaredWorld(wiring.get_world())
