"""The one session with AWS of this process: another one would cost more than many requests."""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import Any

from botocore.config import Config
from botocore.session import get_session

making = RLock()
"""Held while a client is made: a session is not made for several threads, its clients are."""

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 2, 5, 3
"""A call that nobody answers is asked again, and fails, within the time of a request: by itself a
client waits for a minute, which is all the time that a function has."""


@cache
def session() -> Any:
    """Return the session that every client is made in."""
    return get_session()


def client(service: str, **options: Any) -> Any:
    """Return a client of a service, whose name is written where it is asked for."""
    patient = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    config = patient.merge(options.pop("config", Config()))
    with making:
        return session().create_client(service, config=config, **options)
