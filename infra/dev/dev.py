"""`make dev`: the whole system on one machine, from the very package that is deployed to AWS."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO

from infra.dev.dev_state import state_folder
from infra.dev.emulator import FAKE, ROOT, Emulator, check_free, started
from infra.dev.proxy import Front

RUNNER_GRACE_SECONDS = 15
TOOLS = ("git", "bash")


class LocalStack:
    """Emulator, stage, front and one self-hosted runner."""

    def __init__(self, port: int, state: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._state = state
        self._emulator = Emulator(state)
        self._front: Front | None = None
        self._runner: subprocess.Popen[bytes] | None = None
        self._token = ""
        self._runner_token = ""
        self.stopping = threading.Event()
        self.changed = threading.Event()

    def start(self) -> None:
        """Bring everything up; what an earlier start kept is there again."""
        os.environ.update(self._emulator.credentials)
        self._emulator.start()
        outputs = self._deploy()
        self._make_keys()
        credential = self._emulator.front_credential
        api = outputs["RestAPIId"]
        self._front = Front(self._port, self._emulator.port, api, "api", credential)
        self._front.start()
        self._await_health()
        self._start_runner()
        self._write_card()

    def _deploy(self) -> dict[str, str]:
        from infra.package.build import tick_sentence  # noqa: PLC0415
        from infra.package.cache import build_if_changed  # noqa: PLC0415
        from infra.release import data_key, notify_reader  # noqa: PLC0415
        from infra.release.deploy import Target  # noqa: PLC0415 - after the environment is set

        package = self._state / "package"
        digest = build_if_changed(package)
        if os.environ.get("OPTIO_WORKFLOW_TRIGGER_INTERVAL"):
            print(tick_sentence(), flush=True)
        target = Target(self._emulator.endpoint, os.environ["STAGE"])
        data_key.ensure_data_key(target)
        outputs = target.deploy(package, digest)
        notify_reader.pause_unused(target)
        target.note_start()
        return outputs

    def _make_keys(self) -> None:
        """Make the keys of the user and of the runner, or make those that were kept valid again."""
        from infra.release.deploy import Target  # noqa: PLC0415

        target = Target(self._emulator.endpoint, os.environ["STAGE"])
        self._token = self._kept("admin-token", target.make_admin_key)
        self._runner_token = self._kept("runner-token", target.make_runner_key)

    def _kept(self, name: str, make: Callable[[str | None], str]) -> str:
        path = self._state / name
        if path.exists():
            return make(path.read_text().strip())
        token = make(None)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(token)
        return token

    def _await_health(self) -> None:
        for _ in range(120):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{self.url}/api/health", timeout=30) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.5)
        raise SystemExit(f"the stage does not answer, see {self._state / 'emulator.log'}")

    def sign_in_link(self) -> str:
        """Return the address that signs a browser in once."""
        request = urllib.request.Request(
            f"{self.url}/api/auth/sign-in-links",
            method="POST",
            headers={"Authorization": f"Bearer {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            path: str = json.loads(answer.read())["path"]
        return self.url + path

    def _start_runner(self) -> None:
        """Start the runner by the command that a self-hosted user types, in a group of its own."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._state / "home"),
            "OPTIO_URL": self.url,
            "OPTIO_RUNNER_TOKEN": self._runner_token,
            "OPTIO_ALLOW_FILE_REPOS": "1",
            "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache"),
        }
        # Requests cost nothing here, so that a task starts at once after any pause.
        program = [sys.executable, "-m", "chalicelib.runner", "--concurrency", "2"]
        program += ["--idle-seconds", "3"]
        bound = [sys.executable, "-m", "infra.dev.bound", "TERM", *program]  # it drains when we die
        self._runner = started(bound, environment, ROOT, self._state / "runner.log")

    def _write_card(self) -> None:
        assert self._runner is not None
        card = {
            "url": self.url,
            "token": self._token,
            "pid": os.getpid(),
            "runnerPid": self._runner.pid,
            "emulatorPid": self._emulator.pid,
            "aws": {"AWS_ENDPOINT_URL": self._emulator.endpoint, **self._emulator.credentials},
        }
        unfinished = self._state / "dev.json.new"
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
        ) as file:
            json.dump(card, file)
        unfinished.replace(self._state / "dev.json")

    def watch(self) -> None:
        """Wait until the end is requested; restart a runner that died, deploy changed sources."""
        while not self.stopping.wait(1):
            if self._runner is not None and self._runner.poll() is not None:
                self._start_runner()
                self._write_card()
            if self.changed.is_set():
                self.changed.clear()
                self._redeploy()

    def _redeploy(self) -> None:
        try:
            outputs = self._deploy()
        except (subprocess.CalledProcessError, SystemExit) as error:
            print(f"not deployed: {error}", flush=True)
            return
        if self._front is not None:  # an update may have made the API anew
            self._front.api = outputs["RestAPIId"]
        print("deployed what changed", flush=True)

    def stop(self) -> None:
        """Stop everything gracefully: the runner first, the emulator last, with its state saved."""
        (self._state / "dev.json").unlink(missing_ok=True)
        if self._runner is not None and self._runner.poll() is None:
            self._runner.terminate()
            try:
                self._runner.wait(RUNNER_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._runner.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._runner.wait(RUNNER_GRACE_SECONDS)
                if self._runner.poll() is None:
                    os.killpg(self._runner.pid, signal.SIGKILL)
        if self._front is not None:
            self._front.stop()
        self._emulator.stop()


def main() -> None:
    """Run the local stack until Ctrl-C."""
    os.environ.update(FAKE, STAGE="dev", OPTIO_RUNNER="self-hosted")
    port = int(os.environ.get("PORT") or 8000)
    state = state_folder()
    state.mkdir(parents=True, exist_ok=True)
    _check(port)
    lock = _hold(state)
    (state / "dev.json").unlink(missing_ok=True)  # a killed start leaves its own
    os.environ.setdefault("OPTIO_ALLOW_PRIVATE_URLS", "127.0.0.1,localhost")
    os.environ.setdefault("OPTIO_ALLOW_FILE_REPOS", "1")
    os.environ.setdefault("OPTIO_LAMBDA_LIMIT", "25")  # each place is a process of this machine
    os.environ.setdefault("OPTIO_PUBLIC_URL", f"http://127.0.0.1:{port}")
    stack = LocalStack(port, state)

    def stop(number: int, frame: FrameType | None) -> None:
        stack.stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, lambda number, frame: stack.changed.set())
    try:
        print("starting (the first time takes a minute) …", flush=True)
        stack.start()
        token = json.loads((state / "dev.json").read_text())["token"]
        print(f"\n  Optio is up at {stack.url}\n  API token: {token}", flush=True)
        print(f"  Sign in:   {stack.sign_in_link()}  (once, within ten minutes)\n", flush=True)
        stack.watch()
    except KeyboardInterrupt:
        print("\nstopping, and keeping everything …", flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()
        lock.close()


def _check(port: int) -> None:
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is missing: install it, the runner cannot work without it")
    check_free(port, "set PORT to a free one")


def _hold(state: Path) -> IO[str]:
    """Return a lock on the state folder, which ends with this process however it ends."""
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        card = state / "dev.json"
        pid = json.loads(card.read_text()).get("pid") if card.exists() else "that is starting"
        raise SystemExit(
            f"{state} is in use by process {pid}: set OPTIO_STATE to another"
        ) from None
    return lock
