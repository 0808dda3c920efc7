"""The one session with AWS of this process: another one would cost more than many requests."""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import Any

from botocore.session import get_session

making = RLock()
"""Held while a client is made: a session is not made for several threads, its clients are."""


@cache
def session() -> Any:
    """Return the session that every client is made in."""
    return get_session()


def client(service: str, **options: Any) -> Any:
    """Return a client of a service, whose name is written where it is asked for."""
    with making:
        return session().create_client(service, **options)
