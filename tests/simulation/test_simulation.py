"""Storms with fresh seeds on every run, printed at its head. `make simulate` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.checks import broken
from tests.simulation.real import RealSimulator
from tests.simulation.sabotage import ALL, caught_by
from tests.simulation.seeds import choose_seeds
from tests.simulation.simulator import Simulator
from tests.support.shared import ROOT

SEEDS = int(os.environ.get("SEEDS", "40"))
SEED_FROM = choose_seeds()
AT_ONCE = 10
REAL_SEEDS = min(SEEDS, 3)


@pytest.mark.parametrize("first", range(SEED_FROM, SEED_FROM + SEEDS, AT_ONCE))
def test_every_guarantee_holds_after_any_storm(first: int):
    for seed in range(first, min(first + AT_ONCE, SEED_FROM + SEEDS)):
        found = broken(Simulator(seed).run())
        replay = f"make simulate SEED_FROM={seed} SEEDS=1"
        assert not found, f"seed {seed} (`{replay}` replays it): {found[:5]}"


@pytest.mark.parametrize("seed", range(SEED_FROM, SEED_FROM + REAL_SEEDS))
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
    assert caught_by(sentence, range(100)), f"no storm sees that {sentence}"
