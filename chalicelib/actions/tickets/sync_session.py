"""Saves a sync's progress page by page, merging concurrent edits to the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.actions import due_messages
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World


class LeaseLost(Exception):
    """The provider was edited, paused or removed, so this sync must stop."""


class LeasedProvider:
    """A provider under the lease of one sync. Without concurrent edits a page costs one write."""

    def __init__(self, world: World, leased: TicketProvider) -> None:
        self._world, self._written, self._lease = world, leased, leased.due_at
        self._kept: dict[str, Any] = {}

    @property
    def provider(self) -> TicketProvider:
        """The provider with all unwritten changes of this sync."""
        return replace(self._written, **self._kept)

    def stage_changes(self, **fields: Any) -> None:
        """Set fields that the next write stores."""
        self._kept |= fields

    def write_changes(
        self, change: Callable[[TicketProvider], TicketProvider] = lambda provider: provider
    ) -> None:
        """Write the set fields and apply `change`; retry over concurrent edits.

        Raises `LeaseLost` if this sync may not continue.
        """

        def noted() -> TicketProvider:
            try:
                return self._put(change(self.provider), self._written)
            except Superseded:
                self._written = self._reread()
                raise

        self._written = retry_on_conflict(f"provider {self._written.id!r}", noted)
        self._kept = {}

    def _put(self, new: TicketProvider, was: TicketProvider) -> TicketProvider:
        new = as_next_version(new, was)
        self._world.providers.put(new, was)
        return new

    def _reread(self) -> TicketProvider:
        """Return the provider as a concurrent writer stored it, if this sync may continue."""
        try:
            theirs = self._world.providers.get(self._written.id)
        except NotFound:
            raise LeaseLost from None
        leased = theirs.leased_until == self._lease
        if leased and theirs.updated_at == self._written.updated_at:
            return theirs
        if leased or not theirs.enabled:
            due = self._world.now() if theirs.enabled else None
            freed = self._put(replace(theirs, due_at=due, reading=False), theirs)
            due_messages.enqueue_if_due_soon(self._world, [freed])
        raise LeaseLost
