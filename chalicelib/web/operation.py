"""What the API's own description says of a route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.access import Scope


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path: what it takes, what it answers, and what its caller has to hold."""

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
