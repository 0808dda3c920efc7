"""Findings of `optio doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Stage
from tests.support.cli import Terminal, served


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Iterator[Terminal]:
    with served(stage) as url:
        yield Terminal(url, tmp_path)


def findings(terminal: Terminal) -> dict[str, tuple[str, str]]:
    """Return what the doctor found, each with its verdict and its words."""
    found = json.loads(terminal.run("doctor", "--json")[1])["findings"]
    return {one["check"]: (one["verdict"], one["told"]) for one in found}
