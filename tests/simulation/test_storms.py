"""The command that runs storms for a time or by number."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.simulation import storms
from tests.simulation.seeds import FRESH_ABOVE, choose_seeds, fresh_seed
from tests.simulation.simulator import Simulator
from tests.support.shared import ROOT


def test_fresh_seeds_differ_and_are_above_those_that_tests_name():
    seeds = {fresh_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert min(seeds) >= FRESH_ABOVE


def test_a_run_and_the_processes_that_it_starts_take_the_same_seeds(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("SEED_FROM", raising=False)
    chosen = choose_seeds()
    program = "from tests.simulation.seeds import choose_seeds; print(choose_seeds())"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) == chosen == choose_seeds()


def test_a_finding_is_printed_with_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(storms, "findings", lambda seed: (seed, ["lost"] if seed == 8 else []))
    status = storms.main(["--seeds", "3", "--seed-from", "7", "--processes", "1"])
    printed = capsys.readouterr().out
    assert status == 1
    assert "`make simulate SEED_FROM=8 SEEDS=1` replays it\n    lost" in printed
    assert printed.endswith("3 storms, seeds 7 to 9: 1 with findings\n")


def test_storms_run_for_a_time_from_a_fresh_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(storms, "findings", lambda seed: (seed, []))
    assert storms.main(["--minutes", "0.001", "--processes", "1"]) == 0
    printed = capsys.readouterr().out
    first = re.search(r"storms from seed (\d+)", printed)
    assert first
    assert int(first[1]) >= FRESH_ABOVE
    assert "0 with findings" in printed


def test_transactions_of_a_storm_meet_rows_that_others_hold():
    """Without that, a storm would show nothing of what it means that a row is held."""
    met = 0
    for seed in range(20):
        storm = Simulator(seed, hours=1)
        storm.run()
        met += storm.world.tables.met
        if met > 3:
            return
    raise AssertionError(f"{met} writes of 20 storms met a row that is held")


def test_a_storm_enters_what_lies_outside():
    """A storm without publishing, tracking, comments or builds would show nothing of them."""
    told = {"pulls": 0, "merged": 0, "comments": 0, "builds": 0, "hints": 0}
    for seed in range(60):
        outside = Simulator(seed).outside
        if outside is None or not (outside.uses_builds or told["builds"]):
            continue
        storm = Simulator(seed).run()
        outside = storm.outside
        assert outside is not None
        runs = storm.all("runs")
        told["pulls"] += len(outside.branches)
        told["merged"] += sum(run.pr_state == "merged" for run in runs)
        told["comments"] += sum(len(said.comments) for said in outside.tickets.values())
        told["builds"] += outside.done["builds"]
        told["hints"] += outside.done["hints"]
        if all(told.values()):
            break
    assert all(told.values()), told
