"""A user at a terminal, and the real app behind a port that the command line can reach."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests

from optio_cli.main import main
from tests.conftest import TOKEN, Stage
from tests.support.http_stage import BUCKET

OWN = ("HOME", "XDG_CONFIG_HOME", "COLUMNS", "OPTIO_URL", "OPTIO_TOKEN")


class Heard(io.StringIO):
    """The command's output; the app's own lines come from threads of its own and are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        ours = threading.get_ident() == self._thread
        return super().write(text) if ours else sys.__stdout__.write(text)  # type: ignore[union-attr]


class Terminal:
    """A person with a home of their own, whose commands run in this process."""

    def __init__(self, url: str, home: Path) -> None:
        self.home = home
        self.environment = {
            "HOME": str(home),
            "COLUMNS": "160",
            "OPTIO_URL": url,
            "OPTIO_TOKEN": TOKEN,
        }

    def run(self, *words: str, given: str = "", **variables: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of `optio words`."""
        others = {name: value for name, value in os.environ.items() if name not in OWN}
        environment = {**others, **self.environment, **variables}
        out, errors = Heard(), Heard()
        with (
            patch.dict(os.environ, environment, clear=True),
            patch("sys.argv", ["optio", *words]),
            patch("sys.stdin", io.StringIO(given)),
            chdir(self.home),
            redirect_stdout(out),
            redirect_stderr(errors),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return code, out.getvalue(), errors.getvalue()

    def ok(self, *words: str, given: str = "", **variables: str) -> str:
        code, said, errors = self.run(*words, given=given, **variables)
        assert code == 0, (code, said, errors)
        return said

    def json(self, *words: str, given: str = "") -> Any:
        return json.loads(self.ok(*words, "--json", given=given))


@contextmanager
def served(stage: Stage) -> Iterator[str]:
    """Serve a stage on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if self.path.startswith("/bucket/"):
                self.fetch()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = stage._client.http.request(self.command, self.path, headers=headers, body=body)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                self.send_header(name, value.replace(BUCKET, "/bucket"))
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def fetch(self) -> None:
            """Return the content of the bucket, which is in this process alone."""
            found = requests.get(BUCKET + self.path.removeprefix("/bucket"), timeout=5)
            self.send_response(found.status_code)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        def log_message(self, *words: object) -> None:
            """Print nothing: the test reports the failure."""

    for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
