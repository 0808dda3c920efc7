"""Ids that are derived from what they identify, and texts of moments, of which some are sorted."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

ID_NAMESPACE = uuid.UUID("6c1b9a52-7a0e-5f1e-9d8a-0a2c7f5d4e11")
"""The namespace of all ids that are derived from an occurrence's identity (RFC 9562, UUIDv5)."""
SORTABLE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""The format of a time in UTC as text of fixed width, whose text order is time order."""
_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


def format_moment(moment: datetime) -> str:
    """Return a time as the API writes it: ISO 8601 in UTC with `Z`, milliseconds if not zero."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{text}{fraction}Z"


def list_position(at: datetime, id: str) -> str:
    """Return the sort key of an object in a list: its time, then its id, which makes it unique."""
    return f"{at.astimezone(UTC):{SORTABLE_FORMAT}}#{id}"


def position_after(at: datetime) -> str:
    """Return the position from which a list shows the objects of a time, and older ones."""
    return list_position(at, "~")  # greater than each character of an id


def is_list_position(text: str) -> bool:
    """Return whether `list_position` can have produced a text."""
    return _POSITION.fullmatch(text) is not None
