"""What stores are given and answer with, in the core's words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.firing import Firing
from chalicelib.domain.trigger import Trigger


class Taken(Exception):
    """A write did not happen: the named parts were no longer as it relied on."""

    def __init__(self, parts: Collection[str]) -> None:
        super().__init__(f"no longer as expected: {', '.join(sorted(parts))}")
        self.parts = frozenset(parts)


class Throttled(Exception):
    """The store answered with too little, for too long."""


@dataclass(frozen=True)
class Due:
    """A row that is due: enough to send a message for it."""

    kind: str
    id: str
    at: datetime
    definition_id: str | None = None
    webhook_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """An edit of a trigger: before and after, and the record of what it passed over."""

    new: Trigger
    was: Trigger
    gap: Firing | None = None


@dataclass(frozen=True, kw_only=True)
class Hook:
    """Who listens at a path."""

    path: str
    trigger_id: str
    definition_id: str
    template_id: str | None = None
