"""The deployed package on a local stack of its own: no mocks, nothing shared."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from infra.dev.emulator import ROOT
from tests.bytecode import BYTECODE
from tests.support.lasting import starting_lasting_programs

START_SECONDS = 300
T = TypeVar("T")


def git(folder: Path, *words: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class System:
    """`make dev` in a state folder and on a port of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = json.loads((self.state / "dev.json").read_text())
        return card

    def start(self) -> None:
        home = self.state / "home"
        home.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PORT": str(self._port),
            "OPTIO_STATE": str(self.state),
            **BYTECODE,
        }
        with (self.state / "dev.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.dev"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_up, START_SECONDS, self.story)

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.story()
        return (self.state / "dev.json").exists()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def forget(self) -> None:
        """Record that the processes were killed, and remove their files."""
        if self._process is not None:
            self._process.wait(60)
        (self.state / "dev.json").unlink()

    def client(self, service: str) -> Any:
        """Return a client of the emulator, with the credentials of its start."""
        aws = self.card["aws"]
        return boto3.client(
            service,
            endpoint_url=aws["AWS_ENDPOINT_URL"],
            region_name=aws["AWS_REGION"],
            aws_access_key_id=aws["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=aws["AWS_SECRET_ACCESS_KEY"],
        )

    def gateway(self) -> tuple[int, str, dict[str, str]]:
        """Return the port of the emulator, the id of the API there, and the front's headers."""
        port = int((self.state / "emulator-port").read_text())
        (api,) = self.client("apigateway").get_rest_apis()["items"]
        environment = Path(f"/proc/{self.card['emulatorPid']}/environ").read_text().split("\0")
        variables = dict(line.split("=", 1) for line in environment if line)
        return port, str(api["id"]), {"X-Optio-Front": variables["OPTIO_FRONT_CREDENTIAL"]}

    def story(self) -> str:
        """Return the output of the parts, as an explanation of a failed test."""
        logs = [self.state / f"{name}.log" for name in ("dev", "emulator", "runner")]
        return "\n".join(f"{log}:\n{log.read_text()[-3000:]}" for log in logs if log.exists())

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the status and the parsed body of an answer."""
        card = self.card
        request = urllib.request.Request(
            f"{card['url']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token or card['token']}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def ok(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.send(method, path, body)
        assert status < 300, (status, answer)
        return answer


def until(look: Callable[[], T | None], seconds: float, story: Callable[[], str] = lambda: "") -> T:
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"nothing came in {seconds} s\n{story()}")


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    made = System(tmp_path_factory.mktemp("system"))
    try:
        with starting_lasting_programs():
            made.start()
        yield made
    finally:
        made.stop()
