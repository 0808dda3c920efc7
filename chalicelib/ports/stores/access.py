"""Protocols of the stores of API keys, audit records and counted attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from chalicelib.domain.access.audit import AuditRecord
from chalicelib.domain.access.key import ApiKey
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.page import Cursor, Page
from chalicelib.ports.conflicts import Part, may_lose


class Keys(Protocol):
    """API keys and sessions, by the id that is derived from the hash of their token."""

    def find_by_id(self, id: str) -> ApiKey | None:
        """Return a key or session, in a consistent read, or None; it may have expired."""

    @may_lose(Part.KEY, Part.CLAIM)
    def add(self, new: ApiKey, claim: IdempotencyClaim | None = None) -> None:
        """Store a new key or session.

        Loses a key whose id exists, and a claim that binds at `new.created_at`.
        """

    @may_lose(Part.CALLER_KEY)
    def remove(self, id: str, by: str | None = None) -> None:
        """Remove a key or session; do nothing if it is gone.

        Loses the caller's key if the key `by` does not exist: of two keys that remove each other
        at once, one remains.
        """

    def note_use(self, id: str, at: datetime) -> None:
        """Record the last use of a key; do nothing if it is gone."""

    def list_newest(self, before: Cursor | None, limit: int) -> Page[ApiKey]:
        """Return a page of the keys without sessions, by creation time."""


class Activity(Protocol):
    """The audit log."""

    def add(self, entry: AuditRecord) -> None:
        """Store a record; adding it again changes nothing."""

    def list_newest(
        self,
        object_id: str | None,
        actor_id: str | None,
        action: str | None,
        before: Cursor | None,
        limit: int,
    ) -> Page[AuditRecord]:
        """Return a page of the records that match all given values, by time.

        The records of an object's parts, such as the triggers of a blueprint, also match its id.
        """


class Counters(Protocol):
    """Counts of attempts within a time window, each named by its window."""

    def try_increment(self, name: str, most: int, until: datetime) -> bool:
        """Count one more and return True; return False, and count nothing, if `most` are counted.

        The count is deleted some time after `until`, at least an hour.
        """

    def give_back(self, name: str) -> None:
        """Count one less, but never below zero."""
