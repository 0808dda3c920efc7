"""Correlation ids of the present work, which each of its log lines and messages carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

CAUSE = "correlation_id"
"""The id of the origin: a request, a tick, or the origin of the message that started a step."""
MESSAGE_CAUSE = "correlationId"
"""The same id's name in a message."""

_known: ContextVar[Mapping[str, str]] = ContextVar("trail")


@contextmanager
def following(**ids: str | None) -> Iterator[None]:
    """Add these ids to the present ones for the duration of the block; empty ids are ignored."""
    before = known()
    token = _known.set({**before, **{name: found for name, found in ids.items() if found}})
    try:
        yield
    finally:
        _known.reset(token)


def known() -> Mapping[str, str]:
    """Return the ids of the present work."""
    return _known.get({})
