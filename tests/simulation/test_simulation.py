"""Storms with fresh seeds on every run, printed at its head. `make simulate` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from _pytest.mark.structures import ParameterSet

from tests.simulation.checks import broken
from tests.simulation.real import RealSimulator
from tests.simulation.sabotage import ALL, caught_by
from tests.simulation.seeds import choose_seeds
from tests.simulation.simulator import Simulator
from tests.support.shared import ROOT

SEEDS = int(os.environ.get("SEEDS", "40"))
SEED_FROM = choose_seeds()
AT_ONCE = 4
QUICK_SEEDS, REAL_QUICK_SEEDS = 12, 2
"""The storms of `make test`; the others are in `make test-slow`."""
REAL_SEEDS = min(SEEDS, 3)
MAX_SABOTAGED_STORMS = 300
"""The rarest sabotage is noticed by one storm in fifty."""
LIKELY_SEED = 4
LIKELY_SEEDS = {
    "a failed firing backs off to before its moment": 5,
    "a failing read pulls the deadline of a running run": 5,
    "a message that comes early fires early": 0,
    "a pause does not take a trigger out of the due index, nor is it looked at": 6,
    "a publish opens a pull request whatever there is": 0,
    "a reply does not look for the comment that is there": 11,
    "a run is moved without comparing its version": 2,
    "a run that replaces others starts before they are cancelled": 3,
    "a ticket whose firing fails is passed over": 10,
    "an edit moves one gate of its blueprint": 26,
    "an edit of a trigger is no condition of what it fires": 5,
    "an overdue row is sent once an hour": 2,
    "errors of a tracker that pass are counted against it": 23,
    "failures that pass are counted like any other": 0,
    "nobody looks after a run that no runner asked for": 16,
    "nobody looks after a run whose runner fell silent": 0,
    "the definition's version is not a condition of a firing": 26,
    "the report of an attempt that is over is believed": 11,
    "the run is written after its record, in a second call": 0,
    "the tick does not look at runs, so that a lost message is lost": 0,
    "the title of a run grows with each move": 0,
    "the trigger moves on before its occurrence is written": 0,
    "what an outage swallowed leaves no record": 0,
    "what an overlap policy relied on is not a condition of the firing": 5,
}
"""Seeds of short storms that notice a sabotage, tried before all others."""


def first_seeds(number: int, quick: int, step: int = 1) -> list[ParameterSet]:
    """Return the first seeds of groups of storms; those above `quick` seeds are slow."""
    return [
        pytest.param(SEED_FROM + index, marks=[pytest.mark.slow] if index >= quick else [])
        for index in range(0, number, step)
    ]


@pytest.mark.parametrize("first", first_seeds(SEEDS, QUICK_SEEDS, AT_ONCE))
def test_every_guarantee_holds_after_any_storm(first: int):
    for seed in range(first, min(first + AT_ONCE, SEED_FROM + SEEDS)):
        found = broken(Simulator(seed).run())
        replay = f"make simulate SEED_FROM={seed} SEEDS=1"
        assert not found, f"seed {seed} (`{replay}` replays it): {found[:5]}"


@pytest.mark.parametrize("seed", first_seeds(REAL_SEEDS, REAL_QUICK_SEEDS))
def test_what_is_left_of_a_gale_on_the_real_stores_is_whole(seed: int, aws: None):
    replay = f"SEED_FROM={seed} SEEDS=1 python -m pytest tests/simulation -k gale"
    assert broken(RealSimulator(seed).run()) == [], f"seed {seed}: `{replay}` replays it"


def test_a_seed_replays_exactly_in_any_process():
    program = (
        "import tests.conftest; from tests.simulation.simulator import Simulator;"
        "one = Simulator(11).run(); rows = one.all('firings') + one.all('runs');"
        "print(one.clock, sorted(map(str, rows)))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(told[0]) > 10_000


@pytest.mark.parametrize("sentence", sorted(ALL))
def test_each_guarantee_that_is_broken_on_purpose_is_seen(sentence: str):
    seeds = [LIKELY_SEEDS.get(sentence, LIKELY_SEED), *range(MAX_SABOTAGED_STORMS)]
    assert caught_by(sentence, seeds), f"no storm sees that {sentence}"
