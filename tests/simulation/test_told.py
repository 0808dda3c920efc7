"""Storms with an endpoint that receives notifications."""

from __future__ import annotations

import os

import pytest

from chalicelib.actions import moving, notifying
from tests.simulation.seeds import choose_seeds
from tests.simulation.told import ToldSimulator, happened, untrue

SEEDS = int(os.environ.get("SEEDS", "12"))
SEED_FROM = choose_seeds()


@pytest.mark.parametrize("seed", range(SEED_FROM, SEED_FROM + SEEDS))
def test_what_happened_is_told_and_nothing_else_whoever_dies_when(seed: int):
    simulator = ToldSimulator(seed, hours=1.0, size=4)
    simulator.run()
    assert len(happened(simulator)) > 5
    assert list(untrue(simulator)) == []


def test_a_promise_made_after_the_write_would_lose_what_happened(monkeypatch: pytest.MonkeyPatch):
    real = moving.advance
    promised = notifying.promise_move

    def advance(world, run, to, **more):  # type: ignore[no-untyped-def]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(notifying, "promise_move", lambda *given: None)
            new = real(world, run, to, **more)
        promised(world, run, new)
        return new

    monkeypatch.setattr(moving, "advance", advance)
    seen = []
    for seed in range(40):
        simulator = ToldSimulator(seed, hours=1.0, size=4)
        simulator.run()
        seen += list(untrue(simulator))
        if seen:
            break
    assert any("was not told" in one for one in seen)
