"""Activity: who did what to which thing, when and from where. Names of fields, never values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

LONGEST_AGENT = 200
LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What was done, and to what.

    `root_id` is what the thing belongs to, as a trigger and a run belong to their definition.
    """

    kind: str
    verb: str
    object_id: str | None = None
    object_name: str | None = None
    root_id: str | None = None
    fields: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        return f"{self.kind}.{self.verb}"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request came from, as far as it can be known."""

    source: str
    agent: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One deed as it is kept. Nobody did what a stranger tried in vain, so `actor_id` may lack."""

    id: str
    at: datetime
    action: str
    object_id: str | None
    object_name: str | None
    root_id: str | None
    fields: tuple[str, ...]
    actor_id: str | None
    actor_name: str | None
    session: bool
    source: str
    agent: str
