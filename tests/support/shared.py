"""The location of data that others published; tests skip loudly if it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def shared(*parts: str) -> Path:
    """Return a path below the shared data, or skip the test that asks."""
    base = Path(os.environ.get("OPTIO_SHARED") or ROOT.parent / "shared") / "data"
    path = base.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"NOT RUN: published data is absent at {path}; set OPTIO_SHARED to find it")
    return path
