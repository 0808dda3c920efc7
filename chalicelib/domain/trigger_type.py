"""The kinds of triggers."""

from __future__ import annotations

from enum import StrEnum


class TriggerType(StrEnum):
    """The kinds of triggers."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    TICKET = "ticket"
