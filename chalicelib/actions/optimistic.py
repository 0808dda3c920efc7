"""Retries a read-modify-write when another writer wins the race."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chalicelib.domain.errors import Superseded

T = TypeVar("T")
MAX_CONFLICT_RETRIES = 5
"""The maximum attempts at a change; each failed attempt means that another writer succeeded."""


def retry_on_conflict(what: str, change: Callable[[], T]) -> T:
    """Return the result of `change`, which reads and then writes by compare-and-swap.

    Raises `Superseded` if other writers were first `MAX_CONFLICT_RETRIES` times.
    """
    for _ in range(MAX_CONFLICT_RETRIES):
        with suppress(Superseded):
            return change()
    raise Superseded(f"{what} was modified concurrently; try again later")
