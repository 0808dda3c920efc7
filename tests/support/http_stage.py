"""A stage behind loopback HTTP, so that real runners can work for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from chalicelib.settings import settings
from tests.bytecode import BYTECODE
from tests.conftest import RUNNER_TOKEN, Stage

BUCKET = f"https://{settings.bucket}.s3.amazonaws.com"
ROOT = Path(__file__).resolve().parents[2]


class Served:
    """The stage, one request at a time, and everything that it was asked and answered."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lock = threading.Lock()
        self.said: list[bytes] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = {name.lower(): text for name, text in self.headers.items()}
                with served.lock:
                    client = served.stage._client
                    told = client.http.request(self.command, self.path, headers=sent, body=body)
                    served.said.append(body)
                content = b"" if told.status_code == 204 else told.body
                content = content.replace(BUCKET.encode(), f"{served.url}/bucket".encode())
                with suppress(OSError):  # whoever asked may have been killed meanwhile
                    self.send_response(told.status_code)
                    for name, text in told.headers.items():
                        self.send_header(name, text)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def do_PUT(self) -> None:
                if not self.path.startswith("/bucket"):
                    return self.answer()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return self.upload(body)

            def do_GET(self) -> None:
                if not self.path.startswith("/bucket"):
                    return self.answer()
                with served.lock:
                    found = requests.get(BUCKET + self.path.removeprefix("/bucket"), timeout=5)
                self.send_response(found.status_code)
                self.send_header("Content-Length", str(len(found.content)))
                self.end_headers()
                self.wfile.write(found.content)
                return None

            def upload(self, body: bytes) -> None:
                """Hand an upload on to the bucket, which lives in this process alone."""
                kind = {"Content-Type": self.headers["Content-Type"]}
                with served.lock:
                    address = BUCKET + self.path.removeprefix("/bucket")
                    answer = requests.put(address, body, headers=kind, timeout=5)
                self.send_response(answer.status_code)
                self.end_headers()

            def __getattr__(self, name: str) -> Any:
                if name == "do_OPTIONS":  # the test client cannot: there is no CORS here
                    return lambda: self.send_error(405)
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def runner(self, tmp: Path, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp),
            "TMPDIR": str(tmp / "jobs"),
            "OPTIO_URL": self.url,
            "OPTIO_RUNNER_TOKEN": RUNNER_TOKEN,
            "OPTIO_ALLOW_FILE_REPOS": "1",
            "OPTIO_RUNNER_EXPOSE": str(tmp),
            **BYTECODE,
        }
        argv = [sys.executable, "-m", "chalicelib.runner", "--name", "served", *arguments]
        with (tmp / "runner.log").open("ab") as log:
            return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def served(stage: Stage) -> Iterator[Served]:
    """Yield the stage behind HTTP."""
    server = Served(stage)
    try:
        yield server
    finally:
        server.close()
