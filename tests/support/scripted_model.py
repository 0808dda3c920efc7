"""A scripted model on loopback: it lets the agent write one file, and then finishes.

It offers the Messages API of Anthropic and the Responses API of OpenAI, streamed as the real ones.
The first part of the path selects the behaviour: `ok`, or the status that every request gets.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FILE, CONTENT = "hello.txt", "hello from the agent"
COMMAND = f"printf '{CONTENT}\\n' > {FILE}"
DONE = "I have written hello.txt."
INPUT_TOKENS, OUTPUT_TOKENS = 1200, 80
ERRORS = {
    401: ("authentication_error", "invalid x-api-key"),
    429: ("rate_limit_error", "this would exceed your rate limit, try again in 2 hours"),
    529: ("overloaded_error", "Overloaded"),
}

Event = tuple[str, dict[str, Any]]


class Model:
    """The model, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()


@contextmanager
def scripted_model() -> Iterator[Model]:
    """Yield a model that listens on a free port of this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    model = Model(f"http://127.0.0.1:{server.server_address[1]}")
    server.model = model  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [], "models": []})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        found = re.match(r"/(ok|\d{3})(/[^?]*)", self.path)
        if not found or not re.search(r"/(messages|responses)$", found[2]):
            self._json(200, {"input_tokens": 10})
            return
        model: Model = self.server.model  # type: ignore[attr-defined]
        model.asked.append(asked)
        model.keys.add(self.headers.get("X-Api-Key") or self.headers.get("Authorization") or "")
        if found[1] != "ok":
            kind, message = ERRORS[int(found[1])]
            error = {"type": kind, "code": kind, "message": message}
            self._json(int(found[1]), {"type": "error", "error": error})
            return
        self._stream(_messages(asked) if found[2].endswith("/messages") else _responses(asked))

    def _json(self, status: int, body: object) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: Iterator[Event]) -> None:
        told = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
        self._send(200, told.encode(), "text/event-stream")

    def log_message(self, *_: object) -> None:
        pass


def _messages(asked: dict[str, Any]) -> Iterator[Event]:
    names = [tool.get("name") for tool in asked.get("tools") or ()]
    calls = "Bash" in names and '"tool_result"' not in json.dumps(asked.get("messages"))
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    start = {"model": asked.get("model"), "stop_reason": None, "stop_sequence": None}
    yield _event("message_start", message={**message, **start, "usage": usage})
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": DONE}
    if calls:
        block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
        given = json.dumps({"command": COMMAND, "description": "write"})
        delta = {"type": "input_json_delta", "partial_json": given}
    yield _event("content_block_start", index=0, content_block=block)
    yield _event("content_block_delta", index=0, delta=delta)
    yield _event("content_block_stop", index=0)
    reason = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    yield _event("message_delta", delta=reason, usage={"output_tokens": OUTPUT_TOKENS})
    yield _event("message_stop")


def _responses(asked: dict[str, Any]) -> Iterator[Event]:
    names = {tool.get("name") or tool.get("type") for tool in asked.get("tools") or ()}
    shell = next((name for name in ("exec_command", "shell_command", "shell") if name in names), "")
    told = json.dumps(asked.get("input"))
    item: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": DONE, "annotations": []}],
    }
    if shell and "call_output" not in told:
        given = {"exec_command": {"cmd": COMMAND}, "shell_command": {"command": COMMAND}}
        arguments = given.get(shell, {"command": ["bash", "-c", COMMAND]})
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": shell}
        item |= {"arguments": json.dumps(arguments), "status": "completed"}
    response = {"id": "resp_1", "object": "response", "model": asked.get("model")}
    details = {"input_tokens_details": {"cached_tokens": 0}}
    details |= {"output_tokens_details": {"reasoning_tokens": 0}}
    total = INPUT_TOKENS + OUTPUT_TOKENS
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": total}
    begun = {**response, "status": "in_progress", "output": []}
    yield _event("response.created", response=begun)
    yield _event("response.output_item.added", output_index=0, item={**item, "content": []})
    yield _event("response.output_item.done", output_index=0, item=item)
    ended = {**response, "status": "completed", "output": [item], "usage": {**usage, **details}}
    yield _event("response.completed", response=ended)


def _event(name: str, **data: Any) -> Event:
    return name, {"type": name, **data}
