"""Values that stores accept and return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.firing.firing import Firing
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.triggers.trigger import Trigger


class Throttled(Exception):
    """The store returned incomplete answers for too long."""


@dataclass(frozen=True)
class DueRow:
    """A row that is due, with everything that its message needs."""

    kind: str
    id: str
    at: datetime
    blueprint_id: BlueprintId | None = None
    webhook_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class TriggerChange:
    """An edit of a trigger: before and after, and the record of the occurrences that it skipped."""

    new: Trigger
    was: Trigger
    gap: Firing | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookListener:
    """The trigger that listens at a webhook's path."""

    path: str
    trigger_id: TriggerId
    blueprint_id: BlueprintId
    template_id: str | None = None
