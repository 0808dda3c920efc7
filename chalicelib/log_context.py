"""Correlation ids of the present work, which each of its log lines and messages carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

CORRELATION_ID = "correlation_id"
"""The id of the origin: a request, a tick, or the origin of the message that started a step."""
MESSAGE_CORRELATION_ID = "correlationId"
"""The same id's name in a message."""

_current: ContextVar[Mapping[str, str]] = ContextVar("trail")


@contextmanager
def log_context(**ids: str | None) -> Iterator[None]:
    """Add these ids to the present ones for the duration of the block; empty ids are ignored."""
    before = current_ids()
    token = _current.set({**before, **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _current.reset(token)


def current_ids() -> Mapping[str, str]:
    """Return the ids of the present work."""
    return _current.get({})
