"""The metadata of a route for the API's description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.access.key import Scope


@dataclass(frozen=True, kw_only=True)
class ApiOperation:
    """A method of a path with its body, its responses and the scope that it requires.

    `action` is its name in the audit log, empty for an operation that is not recorded.
    """

    method: str
    path: str
    summary: str
    body: str
    partial: bool
    query: tuple[str, ...]
    statuses: tuple[int, ...]
    scope: Scope | None
    view: Callable[..., Response]
    action: str
    deprecated: bool

    @property
    def is_open(self) -> bool:
        return self.scope is None
