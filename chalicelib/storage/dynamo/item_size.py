"""Size limits of rows and keys: AWS rejects larger ones, but emulators accept some of them."""

from __future__ import annotations

from typing import Any, TypeVar

from pynamodb.models import Model

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid

MAX_KEY_BYTES, MAX_POSITION_BYTES = 2048, 1024
"""The maximum bytes of a partition key and of a sort key; AWS rejects longer ones even in queries.
"""

T = TypeVar("T", bound=Model)


def exceeds_key_size(text: str, most: int = MAX_KEY_BYTES) -> bool:
    """Return whether a text exceeds the size of a key."""
    return len(text.encode("utf-8", "replace")) > most


def check_item_size(row: T) -> T:
    """Return a row; raise `Invalid` if it exceeds the size limit."""
    size = sum(len(name) + _size_of(value) for name, value in row.attribute_values.items())
    if size > limits.MAX_ROW_BYTES:
        message = (
            f"this has {size:,} bytes with all its parts, but may have at most "
            f"{limits.MAX_ROW_BYTES:,}"
        )
        raise Invalid(message)
    return row


def _size_of(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return len(value)
    return sum(map(_size_of, value)) if isinstance(value, set | frozenset) else 21
