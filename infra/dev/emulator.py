"""The embedded AWS emulator: a process of its own, on loopback, with its state in one folder.

Each start has credentials of its own, and the emulator refuses all others.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MAIN = ROOT / "infra" / "dev" / "emulator_main.py"
FAKE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
"""Never the machine's own credentials."""
LEFTOVER_SECONDS = 30
OLD = "old-"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(port: int, remedy: str) -> None:
    """Exit with one clear line if the port is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(f"port {port} is taken: {remedy}") from None


def _kept_port(file: Path) -> int:
    """The port of the first start: the emulator files its queues under URLs that carry it."""
    if not file.exists():
        file.write_text(str(free_port()))
    return int(file.read_text())


def started(
    program: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, with its output in a file."""
    with log.open("ab") as file:
        return subprocess.Popen(
            program,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _clear_behind(folder: Path) -> None:
    """Make a folder empty at once: what a killed emulator unpacked there is removed behind us."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}-{OLD}{secrets.token_hex(4)}"))
    folder.mkdir()
    old = list(folder.parent.glob(f"{folder.name}-{OLD}*"))
    threading.Thread(target=_remove, args=(old,), daemon=True, name="clearing").start()


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _is_emulator(pid: int, state: Path) -> bool:
    """Whether a process is an emulator that works in this state folder."""
    process = Path(f"/proc/{pid}")
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(MAIN) in arguments and os.fsencode(f"STATE_DIR={state / 'aws'}") in variables


class Emulator:
    """ministack, which saves its state while it runs and when it is stopped by SIGINT."""

    save_seconds = 2.5
    """Between the beginnings of two snapshots: with the time that one takes, less than 5."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.credentials = {**FAKE, "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32)}
        self.front_credential = secrets.token_urlsafe(32)
        self.port = _kept_port(state / "emulator-port")
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._end_leftover()
        check_free(self.port, f"delete {self._state} or free it")
        home, scratch = self._state / "home", self._state / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        _clear_behind(scratch)
        environment = {
            **self.credentials,
            "OPTIO_FRONT_CREDENTIAL": self.front_credential,
            "OPTIO_SNAPSHOTS": str(self._state / "aws" / "snapshots"),
            "OPTIO_SAVE_SECONDS": str(self.save_seconds),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "TMPDIR": str(scratch),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._state / "s3"),
            "LOG_LEVEL": "WARNING",
        }
        program = [str(ROOT / ".venv-emulator" / "bin" / "python"), "-P", str(MAIN)]
        self._process = started(program, environment, home, self._state / "emulator.log")
        (self._state / "emulator.pid").write_text(str(self._process.pid))
        self._await()

    @property
    def pid(self) -> int:
        """The process of the emulator, once it was started."""
        assert self._process is not None
        return self._process.pid

    def _end_leftover(self) -> None:
        """Wait for the emulator of an earlier start, which saves its state when its parent dies."""
        noted = self._state / "emulator.pid"
        if not noted.exists():
            return
        pid = int(noted.read_text() or 0)
        for number in (signal.SIGINT, signal.SIGKILL):
            if not _is_emulator(pid, self._state):
                break
            os.kill(pid, number)
            deadline = time.monotonic() + LEFTOVER_SECONDS
            while _is_emulator(pid, self._state) and time.monotonic() < deadline:
                time.sleep(0.05)
        noted.unlink()

    def _await(self) -> None:
        assert self._process is not None
        for _ in range(300):
            if self._process.poll() is not None:
                break
            health = urllib.request.Request(
                f"{self.endpoint}/_ministack/health",
                headers={"X-Optio-Front": self.front_credential},
            )
            try:
                with urllib.request.urlopen(health, timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"the AWS emulator did not start, see {self._state / 'emulator.log'}")

    def stop(self) -> None:
        """Stop it gracefully, so that it saves its state."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
