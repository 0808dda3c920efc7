"""The process's only AWS session: creating another one would cost more than many requests."""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import Any

from botocore.config import Config
from botocore.session import get_session

_client_lock = RLock()
"""Guards client creation: botocore sessions are not thread-safe, clients are."""

CONNECT_SECONDS, READ_SECONDS, MAX_ATTEMPTS = 2, 5, 3
"""A call without an answer is retried, and fails, within the time of a request. By default a client
waits for a minute, which is the whole timeout of a function.
"""


@cache
def shared_session() -> Any:
    """Return the session that all clients are created in."""
    return get_session()


def make_client(service: str, **options: Any) -> Any:
    """Return a client of a service; callers pass the service's name as a literal."""
    patient = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": MAX_ATTEMPTS, "mode": "standard"},
    )
    config = patient.merge(options.pop("config", Config()))
    with _client_lock:
        return shared_session().create_client(service, config=config, **options)
