"""Stores that are held to the conflicts that their protocols declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_type_hints

from chalicelib.ports import World, WriteConflict
from chalicelib.ports.conflicts import declared_parts

STORES = """
    blueprints deliveries firings keys prompt_templates providers repos run_sets runs slots
    waiting_queues triggers webhook_endpoints
"""


class UndeclaredConflict(BaseException):
    """A store lost a part that its protocol does not declare; no action may hide it."""


@contextmanager
def only_declared(store: str, method: str) -> Iterator[None]:
    """Raise `UndeclaredConflict` for a conflict that the method of a store may not have."""
    try:
        yield
    except WriteConflict as taken:
        protocol = get_type_hints(getattr(World, store).fget)["return"]
        undeclared = taken.parts - declared_parts(protocol, method)
        if undeclared:
            raise UndeclaredConflict(f"{store}.{method} lost {undeclared}") from taken
        raise


class DeclaredStore:
    """A store whose conflicts are compared with what its protocol declares."""

    def __init__(self, store: Any, name: str) -> None:
        self._store, self._name = store, name

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._store, method)

        def call(*given: Any, **named: Any) -> Any:
            with only_declared(self._name, method):
                return real(*given, **named)

        return call


class DeclaredWorld:
    """A world whose stores raise only declared conflicts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        thing = getattr(self._world, name)
        return DeclaredStore(thing, name) if name in STORES.split() else thing
