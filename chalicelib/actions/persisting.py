"""Changes that hold out: each is begun anew on what somebody else wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chalicelib.domain.errors import Superseded

T = TypeVar("T")
AGAIN = 5
"""How often a change is begun; each time somebody else came to an end of theirs."""


def persist(what: str, change: Callable[[], T]) -> T:
    """Return what a change returns that reads, and then writes by compare-and-swap.

    Raises `Superseded` where somebody else is first again and again.
    """
    for _ in range(AGAIN):
        with suppress(Superseded):
            return change()
    raise Superseded(f"{what} changed again and again meanwhile, try later")
