"""HTTP to where a user points us: only to addresses of the public network, or those allowed.

The address is looked up once and that very address is connected to, so that a name cannot answer
one thing to the check and another to the connection. Redirects make connections of their own,
which go the same way.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from chalicelib.domain.egress import ForbiddenTarget, is_permitted
from chalicelib.settings import settings

TIMEOUT_SECONDS = (5, 15)
MAX_REDIRECTS = 5
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
"""In bytes, unpacked: a function has hardly more room, and no list of tickets is so long."""
MAX_RESPONSE_SECONDS = 60.0
"""Seconds for a complete answer: a limit per read alone would let one trickle indefinitely."""
CHUNK_BYTES = 64 * 1024


def resolve_address(host: str, port: int) -> str:
    """Return the address of `host` to connect to; raise `ForbiddenTarget` unless
    all may be asked.
    """
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in entries]
    for address in addresses:
        if not is_permitted(address, host, settings.allowed_private):
            raise ForbiddenTarget(f"{host} is at {address}, which is not a public address")
    return addresses[0]


def make_session() -> requests.Session:
    """Return a session of which every request, also after redirects, is guarded."""
    return guard_session(requests.Session())


def guard_session(session: requests.Session, **options: Any) -> requests.Session:
    """Let a session of any library go only where it may, with `options` for its adapter."""
    # A proxy would connect in our stead, unchecked; a netrc would replace the credential.
    session.trust_env = False
    session.max_redirects = MAX_REDIRECTS
    for scheme in ("https://", "http://"):
        session.mount(scheme, GuardedAdapter(**options))
    return session


class GuardedAdapter(HTTPAdapter):
    """A transport of requests whose connections are guarded; each wait is bounded."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_SECONDS
        answer = super().send(request, **kwargs)
        if not kwargs.get("stream"):
            answer._content = _read_body(answer)  # what requests would read itself, without an end
        return answer


def _read_body(answer: requests.Response) -> bytes:
    """Return the body of an answer; raise `ConnectionError` for one too long, or too slow."""
    until, read = time.monotonic() + MAX_RESPONSE_SECONDS, bytearray()
    for piece in answer.iter_content(CHUNK_BYTES):
        read += piece
        if len(read) > MAX_RESPONSE_BYTES or time.monotonic() > until:
            answer.close()
            raise requests.ConnectionError("the answer was too long, or came too slowly")
    return bytes(read)


def _open_socket(connection: HTTPConnection) -> socket.socket:
    host = connection._dns_host
    try:
        address = resolve_address(host, connection.port)
        connected = socket.create_connection(
            (address, connection.port), _timeout_seconds(connection.timeout)
        )
    except ForbiddenTarget:
        raise
    except (OSError, UnicodeError) as error:  # a name that no resolver can be asked for
        raise NewConnectionError(connection, f"no connection to {host}: {error}") from error
    options: Sequence[Any] = connection.socket_options or ()
    for option in options:
        connected.setsockopt(*option)
    return connected


def _timeout_seconds(timeout: Any) -> float:
    return float(timeout) if isinstance(timeout, int | float) else float(TIMEOUT_SECONDS[0])


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _open_socket(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
