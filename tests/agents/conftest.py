"""These tests install programs from npm, so they run only where that was asked for."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("OPTIO_TEST_AGENTS") != "1":
        skip = pytest.mark.skip(reason="run these with: make test-agents")
        for item in items:
            if item.get_closest_marker("agents"):
                item.add_marker(skip)
