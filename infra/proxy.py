"""One address in front of the stage: no client sees a stage prefix, or a Host of the emulator."""

from __future__ import annotations

import gzip
import http.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}
LARGEST = 8 * 1024 * 1024
TIMEOUT_SECONDS = 60
SMALLEST_PACKED = 1024
"""As the API is configured on AWS, which the emulator does not do."""
UNKNOWN_PATH = "MissingAuthenticationTokenException"
"""The emulator reads no gateway responses of a description, which make a 404 of this in AWS."""


class Front(ThreadingHTTPServer):
    """Passes every request on to the stage of an API on the emulator."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, emulator_port: int, api: str, stage: str) -> None:
        super().__init__(("127.0.0.1", port), _Passing)
        self.emulator_port = emulator_port
        self.api = api
        self.stage = stage


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer is two writes: the second would wait for the client
    server: Front

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            self._answer(413, [], b'{"error": "the request is too large", "details": []}')
            return
        try:
            self._answer(*self._asked(self.rfile.read(length)))
        except ConnectionError:
            self.close_connection = True  # who asked went away meanwhile, as browsers do

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
        headers["X-Forwarded-Proto"] = "http"
        headers["X-Forwarded-Host"] = self.headers.get("Host", "")
        headers["Host"] = f"{self.server.api}.execute-api.localhost"
        upstream = http.client.HTTPConnection(
            "127.0.0.1", self.server.emulator_port, timeout=TIMEOUT_SECONDS
        )
        try:
            upstream.request(self.command, f"/{self.server.stage}{self.path}", body, headers)
            answer = upstream.getresponse()
            if answer.getheader("x-amzn-ErrorType") == UNKNOWN_PATH:
                return 404, [], b'{"error": "no such path", "details": []}'
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 502, [], b'{"error": "the stack is not up", "details": []}'
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        kept = [(n, t) for n, t in headers if n.lower() not in HOP | {"content-length"}]
        if len(body) >= SMALLEST_PACKED and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6)
            kept += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        for name, text in kept or [("Content-Type", "application/json")]:
            self.send_header(name, text)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are logged by the stage."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # whatever the method: the stage knows which it takes
            return self._pass
        raise AttributeError(name)
