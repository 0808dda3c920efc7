"""The Runtime API of Lambda on loopback, for one function that AWS's own client runs."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runner.sandbox.namespaces import find_bubblewrap

VERSION = "/2018-06-01/runtime"
DEADLINE_SECONDS = 30
NOBODY = 65534
TASK_ROOT, CLIENT_ROOT = "/var/task", "/var/runtime"
"""Where Lambda has the package, and what it brings itself."""


class RuntimeApi:
    """Hands events to a function, and keeps what it answers: `response`, `error` or `init`."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._events: queue.Queue[Any] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == f"{VERSION}/invocation/next"
                event = json.dumps(api._events.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739")
                deadline = int((time.time() + DEADLINE_SECONDS) * 1000)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x")
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.path.removeprefix(f"{VERSION}/").split("/")
                api._answers.put((kind[-1] if kind[0] == "invocation" else "init", body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *given: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"

    def ask(self, event: object) -> tuple[str, Any]:
        """Return how the function answered an event, and its answer as JSON."""
        self._events.put(event)
        for _ in range(2 * DEADLINE_SECONDS):
            with suppress(queue.Empty):
                kind, body = self._answers.get(timeout=0.5)
                return kind, json.loads(body)
            assert self.process is None or self.process.poll() is None, "the function ended"
        raise AssertionError(f"no answer to {event}")

    def __enter__(self) -> RuntimeApi:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *given: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def confined(package: Path, client: Path, program: list[str]) -> list[str]:
    """Return a program as Lambda starts it: without rights, its file system read-only.

    The package and the client are where Lambda has them, and nothing else can be imported.
    """
    bubblewrap = find_bubblewrap()
    if not bubblewrap:
        pytest.skip("NOT RUN: there is no bubblewrap, in which Lambda's user is imitated")
    options = [
        *("--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"),
        *("--unshare-pid", "--die-with-parent", "--new-session"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/var"),
        *("--ro-bind", str(package), TASK_ROOT, "--ro-bind", str(client), CLIENT_ROOT),
        *("--tmpfs", "/tmp", "--remount-ro", "/var", "--chdir", TASK_ROOT),
    ]
    python = os.path.realpath(sys.executable)
    return [bubblewrap[-1], *options, "--", python, "-S", "-s", *program]


@contextmanager
def running_function(
    package: Path, client: Path, handler: str, variables: Mapping[str, str]
) -> Iterator[RuntimeApi]:
    """Yield the Runtime API of a handler that `awslambdaric` runs."""
    with RuntimeApi() as api:
        environment = {
            **variables,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "LAMBDA_TASK_ROOT": TASK_ROOT,
            "PYTHONPATH": f"{TASK_ROOT}:{CLIENT_ROOT}",
        }
        api.process = process = subprocess.Popen(
            confined(package, client, ["-m", "awslambdaric", handler]),
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield api
        finally:
            process.kill()
            process.wait()
