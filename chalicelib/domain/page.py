"""Pages of lists, and the positions at which they begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, NewType, TypeVar

T_co = TypeVar("T_co", covariant=True)
Cursor = NewType("Cursor", str)
"""A position in a list: the next page begins after it."""
SORTABLE_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""The format of a time in UTC as text of fixed width, whose text order is time order."""
_POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


class Page(NamedTuple, Generic[T_co]):
    """A part of a list, and the position of the next page, None on the last one."""

    items: Sequence[T_co]
    following: Cursor | None


def list_position(at: datetime, id: str) -> Cursor:
    """Return the sort key of an object in a list: its time, then its id, which makes it unique."""
    return Cursor(f"{at.astimezone(UTC):{SORTABLE_FORMAT}}#{id}")


def position_after(at: datetime) -> Cursor:
    """Return the position from which a list shows the objects of a time, and older ones."""
    return list_position(at, "~")  # greater than each character of an id


def is_list_position(text: str) -> bool:
    """Return whether `list_position` can have produced a text."""
    return _POSITION.fullmatch(text) is not None
