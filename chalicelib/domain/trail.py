"""What is being done, and because of what: ids that each log line and message of it carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

CAUSE = "correlation_id"
"""What it began with: a request, a tick, or what the message of a step was sent for."""
MESSAGE_CAUSE = "correlationId"
"""The same in a message."""

_known: ContextVar[Mapping[str, str]] = ContextVar("trail")


@contextmanager
def following(**ids: str | None) -> Iterator[None]:
    """Let what is done inside carry these ids, beside those that are known already."""
    before = known()
    token = _known.set({**before, **{name: found for name, found in ids.items() if found}})
    try:
        yield
    finally:
        _known.reset(token)


def known() -> Mapping[str, str]:
    """Return the ids of what is being done."""
    return _known.get({})
