"""Evaluation of figures by `make bench`. It measures; tests never do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.report import Row, percentile, table
from tests.support.shared import ROOT


@pytest.mark.parametrize(
    "row, broken",
    [
        pytest.param(Row(what="w", value=9, unit="ms"), False, id="no budget"),
        pytest.param(Row(what="w", value=5, unit="ms", most=5), False, id="just within"),
        pytest.param(Row(what="w", value=5.1, unit="ms", most=5), True, id="over"),
        pytest.param(Row(what="w", value=199, unit="/s", least=200), True, id="too little"),
        pytest.param(Row(what="w", value=float("nan"), unit="ms", most=5), True, id="no figure"),
        pytest.param(Row(what="w", value=3, unit="", least=3, most=3), False, id="exactly"),
    ],
)
def test_a_budget_is_broken_by_what_is_beyond_it(row: Row, broken: bool):
    assert row.broken is broken
    assert ("**no**" in table("part", [row])) is broken


def test_a_percentile_is_one_of_the_values():
    assert [percentile([3, 1, 2, 4], percent) for percent in (50, 75, 99, 100)] == [2, 3, 4, 4]


def test_a_part_that_is_not_there_is_refused_with_those_that_are():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "tock"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "there is no part 'tock': cold, memory" in done.stderr
