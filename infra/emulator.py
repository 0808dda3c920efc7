"""The embedded AWS emulator: a process of its own, on loopback, with its state in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAIN = ROOT / "infra" / "emulator_main.py"
FAKE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
"""Never the machine's own credentials."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(port: int, remedy: str) -> None:
    """Exit with one clear line when somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(f"port {port} is taken: {remedy}") from None


def _kept_port(kept: Path) -> int:
    """The port of the first start: the emulator files its queues under URLs that carry it."""
    if not kept.exists():
        kept.write_text(str(free_port()))
    return int(kept.read_text())


def started(
    program: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, which speaks to a file."""
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


class Emulator:
    """ministack, which keeps its state when it is stopped by SIGINT."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.port = _kept_port(state / "emulator-port")
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        check_free(self.port, f"delete {self._state} or free it")
        home, scratch = self._state / "home", self._state / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        environment = {
            **FAKE,
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
        self._await()

    def _await(self) -> None:
        assert self._process is not None
        for _ in range(300):
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
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
