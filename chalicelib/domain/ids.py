"""Types of ids, so that none is passed for another, and moments as text."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import NewType

BlueprintId = NewType("BlueprintId", str)
TriggerId = NewType("TriggerId", str)
FiringId = NewType("FiringId", str)
RunId = NewType("RunId", str)
CounterKey = NewType("CounterKey", str)
"""The key of a run set, such as the runs that hold a slot of a repo."""
QueueKey = NewType("QueueKey", str)
"""The key of the runs that wait for the same thing: a slot of a repo, or a runner of a pool."""
ID_NAMESPACE = uuid.UUID("6c1b9a52-7a0e-5f1e-9d8a-0a2c7f5d4e11")
"""The namespace of all ids that are derived from an occurrence's identity (RFC 9562, UUIDv5)."""


def format_moment(moment: datetime) -> str:
    """Return a time as the API writes it: ISO 8601 in UTC with `Z`, milliseconds if not zero."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{text}{fraction}Z"
