"""How big rows and keys may be: AWS refuses more, and emulators let some of it pass."""

from __future__ import annotations

from typing import Any, TypeVar

from pynamodb.models import Model

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid

LONGEST_KEY, LONGEST_PLACE = 2048, 1024
"""Bytes of a key, and of what sorts the rows under it: AWS refuses to look for longer ones."""

T = TypeVar("T", bound=Model)


def nameless(text: str, most: int = LONGEST_KEY) -> bool:
    """Whether no row can be called so."""
    return len(text.encode("utf-8", "replace")) > most


def fitting(row: T) -> T:
    """Return a row; raise `Invalid` where it is bigger than AWS takes."""
    size = sum(len(name) + _size(value) for name, value in row.attribute_values.items())
    if size > limits.ROW:
        message = f"this has {size:,} bytes with all that belongs to it, at most {limits.ROW:,}"
        raise Invalid(message)
    return row


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return len(value)
    return sum(map(_size, value)) if isinstance(value, set | frozenset) else 21
