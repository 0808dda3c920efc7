"""Audit records: the caller, action, object, time and source. They name fields, not values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MAX_USER_AGENT_LENGTH = 200
MAX_OBJECT_NAME_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class AuditAction:
    """An action and the object that it changed.

    `root_id` is the owner of the object: for a trigger or a run, its blueprint.
    """

    kind: str
    verb: str
    object_id: str | None = None
    object_name: str | None = None
    root_id: str | None = None
    fields: tuple[str, ...] = ()

    @property
    def qualified_name(self) -> str:
        return f"{self.kind}.{self.verb}"


@dataclass(frozen=True, kw_only=True)
class RequestOrigin:
    """The source of a request, as far as it is known: network address and user agent."""

    source: str
    agent: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """One audit record. `actor_id` is None for failed sign-ins, which have no known actor."""

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
