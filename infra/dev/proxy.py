"""One address in front of the stage: no client sees a stage prefix, or a Host of the emulator.

uvicorn reads requests and httpcore sends them to the emulator, so framing, pipelining and
`Expect: 100-continue` are theirs: see docs/decisions/0043-a-front-by-libraries.md.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import uvicorn

from chalicelib.web.http.headers import data_headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"te"),
        *(b"trailer", b"upgrade", b"expect", b"host", b"content-length"),
    )
)
ABOUT_THE_CLIENT = (b"x-forwarded-", b"x-optio-front", b"x-real-ip", b"forwarded", b"via")
"""Beginnings of headers that the front alone may set: a client could name any address in them."""
LARGEST = 8 * 1024 * 1024
TIMEOUT_SECONDS = 60
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 5
SMALLEST_PACKED = 1024
"""As the API is configured on AWS, which the emulator does not do."""
UNKNOWN_PATH = b"MissingAuthenticationTokenException"
"""The emulator reads no gateway responses of a description, which make a 404 of this in AWS."""


class TooLarge(Exception):
    """A request with a longer body than the gateway takes."""


class Front:
    """Passes every request on to the stage of an API on the emulator, from a thread of its own."""

    def __init__(
        self, port: int, emulator_port: int, api: str, stage: str, credential: str = ""
    ) -> None:
        self.api = api
        self._emulator_port = emulator_port
        self._stage = stage.encode()
        self._credential = credential.encode()
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=256, max_keepalive_connections=16, keepalive_expiry=20
        )
        self._socket = socket.create_server(("127.0.0.1", port), backlog=128)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,  # requests are logged by the stage
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), daemon=True, name="front"
        )

    def start(self) -> None:
        """Begin to answer. Earlier connections wait in the socket's own queue."""
        self._thread.start()

    def stop(self) -> None:
        """Let running requests end, for some seconds, and close the port."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(2 * STOP_SECONDS)
        self._socket.close()

    def __enter__(self) -> Front:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        async with self._pool:
            await self._server.serve([self._socket])

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await _read_body(scope, receive)
        except TooLarge:
            answer = _own_answer(413, b'{"error": "the request is too large", "details": []}')
            answer[1].append((b"connection", b"close"))  # the rest of the body stays unread
        except ConnectionError:
            return
        else:
            answer = await self._ask(scope, body)
        status, headers, content = answer
        accepted = b",".join(text for name, text in scope["headers"] if name == b"accept-encoding")
        await _send_answer(send, scope["method"], status, *_packed(headers, content, accepted))

    async def _ask(self, scope: Message, body: bytes) -> tuple[int, Headers, bytes]:
        """Return the answer of the stage."""
        target = b"/" + self._stage + _path(scope)
        url = httpcore.URL(
            scheme=b"http", host=b"127.0.0.1", port=self._emulator_port, target=target
        )
        limits = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
        try:
            answer = await self._pool.request(
                scope["method"],
                url,
                headers=self._passed(scope, body),
                content=body,
                extensions={"timeout": limits},
            )
        except (httpcore.NetworkError, httpcore.ProtocolError):
            return _own_answer(502, b'{"error": "the stack is not up", "details": []}')
        except httpcore.TimeoutException:
            return _own_answer(504, b'{"error": "the stack did not answer", "details": []}')
        lowered = [(name.lower(), text) for name, text in answer.headers]
        hidden = _named_by_connection(lowered) - {b"content-length"}
        headers = [pair for pair in lowered if pair[0] not in hidden]
        if (b"x-amzn-errortype", UNKNOWN_PATH) in headers:
            return _own_answer(404, b'{"error": "no such path", "details": []}')
        return answer.status, headers, answer.content

    def _passed(self, scope: Message, body: bytes) -> Headers:
        """Return the headers of a request for the stage: the client's, without what it may not."""
        host = b"".join(text for name, text in scope["headers"] if name == b"host")
        headers = [
            (name, text)
            for name, text in scope["headers"]
            if name not in _named_by_connection(scope["headers"])
            and not name.startswith(ABOUT_THE_CLIENT)
        ]
        length = [(b"content-length", str(len(body)).encode())] if body or _has_body(scope) else []
        return [
            (b"host", f"{self.api}.execute-api.localhost".encode()),
            *headers,
            *length,
            (b"x-forwarded-for", str(scope["client"][0]).encode()),
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-host", host),
            (b"x-optio-front", self._credential),
        ]


def _path(scope: Message) -> bytes:
    """Return path and query as they were sent, also where a client sent a whole URL."""
    path: bytes = scope["raw_path"]
    if not path.startswith(b"/"):
        path = urlsplit(path).path
        path = path if path.startswith(b"/") else b"/"
    return path + (b"?" + scope["query_string"] if scope["query_string"] else b"")


def _has_body(scope: Message) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    """Return the headers that are between a client and the front alone."""
    connection = b",".join(text for name, text in headers if name == b"connection")
    return HOP_BY_HOP | {name.strip().lower() for name in connection.split(b",")}


async def _read_body(scope: Message, receive: Receive) -> bytes:
    """Return the body of a request; raise `TooLarge`, at once if its length is declared."""
    for name, text in scope["headers"]:
        if name == b"content-length" and int(text) > LARGEST:
            raise TooLarge
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        pieces.append(message.get("body", b""))
        if sum(map(len, pieces)) > LARGEST:
            raise TooLarge
        if not message.get("more_body"):
            return b"".join(pieces)


def _own_answer(status: int, body: bytes) -> tuple[int, Headers, bytes]:
    headers = [(name.lower().encode(), str(text).encode()) for name, text in data_headers().items()]
    return status, headers, body


def _packed(headers: Headers, body: bytes, accepted: bytes) -> tuple[Headers, bytes]:
    names = {name for name, _ in headers}
    if len(body) < SMALLEST_PACKED or b"gzip" not in accepted or b"content-encoding" in names:
        return headers, body
    added = [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
    return [*headers, *added], gzip.compress(body, 6)


async def _send_answer(send: Send, method: str, status: int, headers: Headers, body: bytes) -> None:
    length = [text for name, text in headers if name == b"content-length"]
    dropped = _named_by_connection(headers) | {b"date"}
    closing = [pair for pair in headers if pair == (b"connection", b"close")]
    sent = [pair for pair in headers if pair[0] not in dropped] + closing
    if method == "HEAD" and length and length[0] != b"0":  # not the length that a GET has
        sent.append((b"content-length", length[0]))
    elif method != "HEAD" and status not in (204, 304):
        sent.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
