"""Saves a sync's progress page by page, merging concurrent edits to the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.actions import sending
from chalicelib.actions.persisting import persist
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.provider import Provider
from chalicelib.ports import World


class Displaced(Exception):
    """The provider was edited, paused or removed, so this sync must stop."""


class Notes:
    """A provider under the lease of one sync. Without concurrent edits a page costs one write."""

    def __init__(self, world: World, leased: Provider) -> None:
        self._world, self._written, self._lease = world, leased, leased.due_at
        self._kept: dict[str, Any] = {}

    @property
    def provider(self) -> Provider:
        """The provider with all unwritten changes of this sync."""
        return replace(self._written, **self._kept)

    def keep(self, **fields: Any) -> None:
        """Set fields that the next write stores."""
        self._kept |= fields

    def write(self, change: Callable[[Provider], Provider] = lambda provider: provider) -> None:
        """Write the set fields and apply `change`; retry over concurrent edits.

        Raises `Displaced` if this sync may not continue.
        """

        def noted() -> Provider:
            try:
                return self._put(change(self.provider), self._written)
            except Superseded:
                self._written = self._theirs()
                raise

        self._written = persist(f"provider {self._written.id!r}", noted)
        self._kept = {}

    def _put(self, new: Provider, was: Provider) -> Provider:
        new = replace(new, version=was.version + 1)
        self._world.providers.put(new, was)
        return new

    def _theirs(self) -> Provider:
        """Return the provider as a concurrent writer stored it, if this sync may continue."""
        try:
            theirs = self._world.providers.get(self._written.id)
        except NotFound:
            raise Displaced from None
        leased = theirs.leased_until == self._lease
        if leased and theirs.updated_at == self._written.updated_at:
            return theirs
        if leased or not theirs.enabled:
            due = self._world.now() if theirs.enabled else None
            freed = self._put(replace(theirs, due_at=due, reading=False), theirs)
            sending.send_soon(self._world, [freed])
        raise Displaced
