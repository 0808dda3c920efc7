"""The real runner, real git and real processes, against an API that is played."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from chalicelib.runner.sandbox import workspace
from tests.bytecode import BYTECODE

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "runner-token-0123456789"
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


class PlayedApi:
    """The API's side of the protocol, with the received calls."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.beats: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.lines: dict[int, dict[str, Any]] = {}
        self.beat_answer: tuple[int, dict[str, Any]] = (200, {"continue": True})
        self.failing = 0
        self.new_token: Callable[[], str | None] = lambda: None
        self.put: dict[str, tuple[bytes, str]] = {}
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == f"Bearer {TOKEN}"
                with api.lock:
                    status, answer = api.answer(self.path.rpartition("/")[2], body)
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                assert self.headers["Authorization"] is None
                found = api.put.get(unquote(self.path)[1:])
                content = found[0] if found else b"gone"
                self.send_response(200 if found else 403)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_PUT(self) -> None:
                assert self.headers["Authorization"] is None
                content = self.rfile.read(int(self.headers["Content-Length"]))
                api.put[unquote(self.path)[1:]] = content, self.headers["Content-Type"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def answer(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if self.failing:
            self.failing -= 1
            return 503, {"error": "away"}
        for line in body.get("lines", ()):
            self.lines[line["seq"]] = line
        if name == "claim":
            return (200, {"job": self.jobs.pop(0)}) if self.jobs else (204, None)
        if name == "token":
            return 200, {"token": self.new_token()}
        if name == "beat":
            self.beats.append(body)
            return self.beat_answer
        if name == "outputs":
            places = [(file["name"], quote(file["name"])) for file in body["files"]]
            return 200, {"uploads": [{"name": n, "url": f"{self.url}/{p}"} for n, p in places]}
        self.reports.append(body)
        return 200, {}

    @property
    def text(self) -> str:
        return "\n".join(self.lines[seq]["content"] for seq in sorted(self.lines))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api() -> Iterator[PlayedApi]:
    api = PlayedApi()
    yield api
    api.close()


@pytest.fixture
def tmp(tmp_path: Path) -> Iterator[Path]:
    """A directory that jobs may reach and write, also where they run as another user."""
    if os.geteuid() != 0:
        (tmp_path / "jobs").mkdir()
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="optio-test-", dir=workspace.base_directory()) as name:
        Path(name).chmod(0o777)
        (Path(name) / "jobs").mkdir(mode=0o755)
        yield Path(name)


def git(*arguments: str, cwd: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "T" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "t@t" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ("git", *arguments), cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def origin(tmp: Path) -> Path:
    """A bare repository with one commit on main."""
    bare, seed = tmp / "origin.git", tmp / "seed"
    git("init", "-q", "--bare", "-b", "main", str(bare), cwd=tmp)
    git("clone", "-q", str(bare), str(seed), cwd=tmp)
    (seed / "README").write_text("hello\n")
    git("add", ".", cwd=seed)
    git("commit", "-qm", "first", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    return bare


def job(command: str, origin: Path | None = None, **changes: Any) -> dict[str, Any]:
    repo = None
    if origin is not None:
        repo = {
            "url": f"file://{origin}",
            "branch": None,
            "pushBranch": "optio/task-ab12cd34",
            "continueBranch": False,
            "setupCommands": None,
            "token": None,
            **changes.pop("repo", {}),
        }
    return {
        "runId": "0b7d2f6e-0000-4000-8000-000000000001",
        "attempt": 1,
        "type": "repo-task" if origin else "workflow-run",
        "title": "Say hello",
        "prompt": "Say hello, please.",
        "agent": {"type": "command", "command": command, "model": None, "maxTurns": None},
        "repo": repo,
        "environment": {},
        "secrets": {},
        "timeoutMinutes": 5,
        **changes,
    }


def start(api: PlayedApi, tmp: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp),
        "TMPDIR": str(tmp / "jobs"),
        "OPTIO_URL": api.url,
        "OPTIO_RUNNER_TOKEN": TOKEN,
        "OPTIO_ALLOW_FILE_REPOS": "1",
        "OPTIO_RUNNER_EXPOSE": str(tmp),
        **BYTECODE,
        "AWS_SECRET_ACCESS_KEY": "not-for-agents",
    }
    argv = [sys.executable, "-m", "chalicelib.runner", "--name", "test", *arguments]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def do(
    api: PlayedApi, tmp: Path, order: dict[str, Any], *arguments: str, seconds: float = 90
) -> dict[str, Any]:
    """Return the report of one job."""
    api.jobs.append(order)
    runner = start(api, tmp, "--once", *arguments)
    try:
        assert runner.wait(timeout=seconds) == 0
    finally:
        runner.kill()
        runner.wait()
    assert list((tmp / "jobs").iterdir()) == []
    (report,) = api.reports
    return report


def until(true: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def alive(marker: str) -> list[int]:
    """Return the processes that have `marker` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def asleep(tmp: Path) -> str:
    return f"bash -c 'sleep 300; :' {tmp}"


DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(300)
"""
