"""The Python files of packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def sources(*packages: str) -> Iterator[Path]:
    """Yield the files of packages, given by their paths below the root."""
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))
