"""Storms with an endpoint that receives notifications."""

from __future__ import annotations

import os

import pytest

from chalicelib.actions.notifications import announce
from chalicelib.actions.runs import transitions
from tests.simulation.notification_storm import ToldSimulator, happened, untrue
from tests.simulation.seeds import choose_seeds

SEEDS = int(os.environ.get("SEEDS", "12"))
SEED_FROM = choose_seeds()


@pytest.mark.parametrize("seed", range(SEED_FROM, SEED_FROM + SEEDS))
def test_what_happened_is_told_and_nothing_else_whoever_dies_when(seed: int):
    simulator = ToldSimulator(seed, hours=1.0, size=4)
    simulator.run()
    assert len(happened(simulator)) > 5
    assert list(untrue(simulator)) == []


def test_a_promise_made_after_the_write_would_lose_what_happened(monkeypatch: pytest.MonkeyPatch):
    real = transitions.transition_run
    promised = announce.announce_move

    def advance(world, run, to, **more):  # type: ignore[no-untyped-def]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(announce, "announce_move", lambda *given: None)
            new = real(world, run, to, **more)
        promised(world, run, new)
        return new

    monkeypatch.setattr(transitions, "transition_run", advance)
    seen = []
    for seed in range(40):
        simulator = ToldSimulator(seed, hours=1.0, size=4)
        simulator.run()
        seen += list(untrue(simulator))
        if seen:
            break
    assert any("was not told" in one for one in seen)
