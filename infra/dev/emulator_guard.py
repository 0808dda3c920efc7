"""Lets only those use the emulator who hold a credential of this start, and never a web page.

Calls to AWS are signed, so the secret itself is in no request. The front, which passes on what
browsers and programs ask of the stage, has a credential of its own that opens the stage alone.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

FRONT_HEADER = "x-optio-front"
HEALTH = "/_ministack/health"
STAGE_HOST = ".execute-api.localhost"
READING = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "Head", "Filter")
ALGORITHM = "AWS4-HMAC-SHA256 "
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The secret that signs calls to AWS, and the credential of the front."""

    secret: str
    front: str


@dataclass(frozen=True)
class GuardedApp:
    """An ASGI application in front of the emulator's own one."""

    application: App
    credentials: Credentials
    note_change: Callable[[], None]
    save_while_running: Callable[[], Awaitable[None]]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        saving: list[asyncio.Future[None]] = []

        async def send_and_save(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                saving.append(asyncio.ensure_future(self.save_while_running()))
                saving[0].add_done_callback(_fail_loudly)
            await send(message)

        await self.application(scope, receive, send_and_save)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        body = await _body(receive)
        refusal = self._refusal(scope, headers, body)
        if refusal:
            await _refuse(send, refusal)
            return
        of_front = FRONT_HEADER in headers
        if not of_front and changes(scope["method"], headers, body):
            self.note_change()
        name = FRONT_HEADER.encode()
        passed = [pair for pair in scope["headers"] if pair[0].lower() != name]
        await self.application(
            {**scope, "headers": passed}, _replayed(body, receive), _without_cors(send)
        )

    def _refusal(self, scope: Message, headers: dict[str, str], body: bytes) -> str:
        """Return why a request is refused, or nothing."""
        front = headers.get(FRONT_HEADER)
        if front is not None:
            if not hmac.compare_digest(front.encode(), self.credentials.front.encode()):
                return "this is not the front's credential"
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            if host.endswith(STAGE_HOST) or scope["path"] == HEALTH:
                return ""
            return "the front's credential opens the stage alone"
        if "origin" in headers:
            return "no web page may call the emulator"
        return signature_fault(scope, headers, body, self.credentials.secret)


def signature_fault(scope: Message, headers: dict[str, str], body: bytes, secret: str) -> str:
    """Return what is wrong with the signature of a call, by its header or its query, or nothing."""
    sigv4: Any = import_module("ministack.core.sigv4")
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    presigned = "X-Amz-Signature" in query
    if presigned:
        signature = sigv4.parse_query_signature(query)
    elif headers.get("authorization", "").startswith(ALGORITHM):
        signature = sigv4.parse_header_signature(headers)
    else:
        return (
            "this call is not signed: the secret of this start is in dev.json of the state folder"
        )
    if isinstance(signature, tuple):
        return f"{signature[0]}: {signature[1]}"
    path = scope["raw_path"].decode("latin-1")
    fault = sigv4.header_signature_failure(
        signature, secret, scope["method"], path, query, headers, body, presigned=presigned
    )
    if not fault:
        fault = _fault_of_time(sigv4, signature, query.get("X-Amz-Expires", [""])[0], presigned)
    return f"{fault[0]}: {fault[1]}" if fault else ""


def _fault_of_time(sigv4: Any, signature: Any, expires: str, presigned: bool) -> Any:
    if not presigned:
        return sigv4.request_time_failure(signature)
    try:
        expired = sigv4.presigned_request_is_expired(signature.amz_date, expires)
    except ValueError:
        return "AccessDenied", "the signed address does not say when it expires"
    return ("AccessDenied", "the signed address has expired") if expired else None


def changes(method: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a call can change what the emulator holds; in doubt it can."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    target = headers.get("x-amz-target", "")
    action = target.rpartition(".")[2]
    if not target and body.startswith(b"Action="):
        action = body[7:80].split(b"&")[0].decode("latin-1")
    return not action.startswith(READING)


def _headers(scope: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a body once more, then what follows it."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


def _without_cors(send: Send) -> Send:
    """Leave out what lets a web page of any origin read an answer."""

    async def filtered(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                pair
                for pair in message.get("headers", ())
                if not bytes(pair[0]).lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return filtered


async def _refuse(send: Send, reason: str) -> None:
    text = json.dumps({"__type": "AccessDeniedException", "message": reason}).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _fail_loudly(saving: asyncio.Future[None]) -> None:
    """End the emulator when it can save no more: it would lose everything later."""
    if not saving.cancelled() and (error := saving.exception()) is not None:
        traceback.print_exception(error)
        os.kill(os.getpid(), signal.SIGINT)
