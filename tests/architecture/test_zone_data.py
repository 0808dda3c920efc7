"""The pinned time zone data is the newest there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import tzdata

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20


def _newest() -> str:
    """Return the newest release that the package index has, or skip the test that asks."""
    command = [sys.executable, "-m", "pip", "index", "versions", "tzdata", "--retries", "0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"NOT RUN: the package index did not answer within {SECONDS} s")
    found = re.match(r"tzdata \((\S+)\)", done.stdout)
    if done.returncode or not found:
        pytest.skip(f"NOT RUN: the package index cannot be asked: {done.stderr[-200:]}")
    return found[1]


def test_the_pinned_zone_data_is_the_newest():
    pinned = re.search(r"^tzdata==(\S+)$", (ROOT / "requirements" / "runtime.in").read_text(), re.M)
    assert pinned, "requirements/runtime.in pins tzdata"
    newest = _newest()
    assert pinned[1] == newest, (
        f"tzdata {newest} is out, {pinned[1]} is pinned: clocks of some zones changed. "
        "Write it into requirements/runtime.in and run make pins"
    )


def test_the_installed_zone_data_is_the_pinned():
    assert f"tzdata=={tzdata.__version__}\n" in (ROOT / "requirements" / "runtime.in").read_text()
