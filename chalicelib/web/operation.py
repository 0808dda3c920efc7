"""The metadata of a route for the API's description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.access import Scope


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path with its body, its responses and the scope that it requires."""

    method: str
    path: str
    summary: str
    takes: str
    partly: bool
    query: tuple[str, ...]
    statuses: tuple[int, ...]
    needs: Scope | None
    view: Callable[..., Response]
    recorded: bool
    older: bool

    @property
    def open(self) -> bool:
        return self.needs is None
