"""`make dev` under load is killed at random moments: what it lost, and how it comes back."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.emulator import ROOT
from tests.e2e.conftest import System, until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("OPTIO_KILLS") or 20)
MOST_LOST_SECONDS = 5
HEALTHY_SECONDS = 180
RECOVERED_SECONDS = 300
FINAL = ("completed", "failed", "cancelled")


class Load:
    """Makes blueprints and fires them, and notes when the stage acknowledged what."""

    def __init__(self, system: System, turn: int) -> None:
        self.acknowledged: dict[str, float] = {}
        self._system = system
        self._turn = turn
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(one,)) for one in range(2)]
        for thread in self._threads:
            thread.start()

    def _work(self, worker: int) -> None:
        number = 0
        with contextlib.suppress(OSError, json.JSONDecodeError):  # the kill ends a call anywhere
            while not self._stopped.is_set():
                path = f"kill-{self._turn}-{worker}-{number}"
                status, made = self._system.send("POST", "/api/tasks", _blueprint(path))
                if status == 201:
                    self._note(made["task"]["id"])
                    status, fired = self._system.send("POST", f"/api/hooks/{path}", {"n": number})
                    if status == 202:
                        self._note(fired["runId"])
                number += 1
                time.sleep(0.5)

    def _note(self, task: str) -> None:
        self.acknowledged[task] = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def _blueprint(path: str) -> dict[str, object]:
    return {
        "type": "standalone",
        "name": path,
        "prompt": "Nothing.",
        "agentType": "command",
        "agentCommand": "sleep 1",
        "triggers": [{"type": "webhook", "config": {"path": path}}],
    }


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _kill(system: System, chance: random.Random) -> float:
    """Kill the processes of `make dev` in any order, the runner's only sometimes."""
    pids = [system.card["pid"], system.card["emulatorPid"]]
    pids += [system.card["runnerPid"]] if chance.random() < 0.5 else []
    chance.shuffle(pids)
    killed = time.monotonic()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    system.forget()
    return killed


def _is_healthy(system: System) -> bool:
    program = [str(Path(sys.executable).parent / "optio"), "doctor", "--json"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(system.state / "home"),
        "OPTIO_URL": system.card["url"],
        "OPTIO_TOKEN": system.card["token"],
    }
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.returncode == 0


def _is_stored(system: System, task: str) -> bool:
    return bool(system.send("GET", f"/api/tasks/{task}")[0] == 200)


def test_twenty_kills_under_load_lose_five_seconds_at_most_and_leave_a_healthy_stage(
    stack: System,
):
    seed = int(os.environ.get("OPTIO_TEST_SEED") or random.randrange(2**32))
    chance, told = random.Random(seed), f"OPTIO_TEST_SEED={seed}"
    expected: set[str] = set()
    for turn in range(KILLS):
        load = Load(stack, turn)
        time.sleep(chance.uniform(MOST_LOST_SECONDS + 1, MOST_LOST_SECONDS + 10))
        killed = _kill(stack, chance)
        load.stop()
        expected |= {
            task for task, at in load.acknowledged.items() if at < killed - MOST_LOST_SECONDS
        }
        stack.start()
        lost = {task for task in expected if not _is_stored(stack, task)}
        assert not lost, (told, turn, lost, stack.story())
        until(lambda: _is_healthy(stack), HEALTHY_SECONDS, lambda: told + stack.story())
    assert len(expected) >= KILLS, told

    def recovered() -> bool:
        listed = stack.ok("GET", "/api/tasks?type=workflow-run&limit=100")["tasks"]
        return all(run["state"] in FINAL for run in listed)

    until(recovered, RECOVERED_SECONDS, lambda: told + stack.story())
