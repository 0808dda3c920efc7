"""Entries of a run's history."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.state import State


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """One entry of a run's history, written in the same update as the state."""

    id: str
    from_state: State | None
    to_state: State
    trigger: str
    message: str
    created_at: datetime


def event_id(run_id: RunId, number: int) -> str:
    """Return the id of an entry of a run's history."""
    return str(uuid.uuid5(uuid.UUID(run_id), f"event#{number}"))
