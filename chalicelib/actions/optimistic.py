"""Retries a read-modify-write when another writer wins the race."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from chalicelib.domain.errors import Superseded
from chalicelib.ports import Part, WriteConflict

T = TypeVar("T")
MAX_CONFLICT_RETRIES = 5
"""The maximum attempts at a change; each failed attempt means that another writer succeeded."""


def retry_on_conflict(what: str, change: Callable[[], T], *, read: Collection[Part] = ()) -> T:
    """Return the result of `change`, which reads and then writes by compare-and-swap.

    It is repeated after `Superseded`, and after a `WriteConflict` that lost only parts that
    `change` has `read` itself. Any other conflict is raised. Raises `Superseded` if other writers
    were first `MAX_CONFLICT_RETRIES` times.
    """
    for _ in range(MAX_CONFLICT_RETRIES):
        try:
            return change()
        except Superseded:
            continue
        except WriteConflict as taken:
            if not taken.parts <= set(read):
                raise
    raise conflict_error(what)


def conflict_error(what: str) -> Superseded:
    """Return the error for a request that lost its race against other writers."""
    return Superseded(f"{what} was modified concurrently; try again")
