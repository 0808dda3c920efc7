"""A runner is killed at any moment of a run; another brings it to its one end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.storage.records import TABLE_RECORDS
from tests.conftest import Stage
from tests.simulation.checks import NO_SLOTS
from tests.support.fake_runner_api import alive, git, origin, tmp
from tests.support.http_stage import Served, served

pytestmark = pytest.mark.slow


__all__ = ["origin", "tmp"]

MOMENTS = 20


def begun(server: Served, task: str) -> str:
    with server.lock:
        run: str = server.stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
        server.stage.settle()
    return run


def shown(server: Served, run: str) -> dict[str, Any]:
    with server.lock:
        found: dict[str, Any] = server.stage.ok("GET", f"/api/tasks/{run}")["task"]
    return found


def kill(runner: subprocess.Popen[bytes], *, jobs_too: bool) -> None:
    """Kill a runner by SIGKILL, with `jobs_too` together with its jobs' processes.

    Otherwise return when those have ended by themselves, and none of another runner's.
    """
    theirs: list[int] = []
    for children in Path(f"/proc/{runner.pid}/task").glob("*/children"):
        theirs += [int(pid) for pid in children.read_text().split()]
    for pid in (runner.pid, *(theirs if jobs_too else ())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    runner.wait()
    end = time.monotonic() + 60
    while any(lives(pid) for pid in theirs):
        assert time.monotonic() < end, "the job outlives its runner"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Return whether a process lives, and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def _ours(tmp: Path) -> list[Path]:
    return list((tmp / "jobs").iterdir())


def finished(server: Served, run: str) -> dict[str, Any]:
    """Return the run once it is over; its clock runs only while it waits."""
    end = time.monotonic() + 90
    while (found := shown(server, run))["state"] not in ("completed", "failed"):
        assert time.monotonic() < end, found
        with server.lock:
            if found["state"] in ("queued", "provisioning"):
                server.stage.pass_time(timedelta(seconds=20))
            server.stage.settle()
        time.sleep(0.2)
    return found


def lasting(server: Served, task: str, tmp: Path) -> float:
    """Return the seconds that a run takes on this machine now, its runner's start included."""
    run, started = begun(server, task), time.monotonic()
    runner = server.runner(tmp)
    assert finished(server, run)["state"] == "completed"
    seconds = time.monotonic() - started
    runner.terminate()
    runner.wait(timeout=30)
    return seconds


def slots() -> set[str]:
    (table,) = (table for table in TABLE_RECORDS if table.Meta.table_name.endswith("slots"))
    rows = [row.attribute_values for row in table.scan()]
    held = [row.get("held") or () for row in rows if not row["id"].startswith(NO_SLOTS)]
    return {str(run) for runs in held for run in runs}


def test_a_runner_killed_at_any_moment_leaves_one_branch_one_result_and_nothing_else(
    stage: Stage, tmp: Path, origin: Path
):
    seed = int(os.environ.get("OPTIO_TEST_SEED") or random.randrange(10**9))
    sys.stderr.write(f"replay with OPTIO_TEST_SEED={seed}\n")
    moments = random.Random(seed)
    stage.ok("POST", "/api/repos", {"repoUrl": f"file://{origin}", "setupCommands": "sleep 0.3 &"})
    blueprint = {
        "type": "repo-blueprint",
        "name": "Killed",
        "prompt": "Write.",
        "repoUrl": f"file://{origin}",
        "agentType": "command",
        "agentCommand": f"echo at work in {tmp}; sleep 0.5; date +%N > made.txt",
        "maxRetries": 10,
    }
    task = stage.ok("POST", "/api/tasks", blueprint)["task"]["id"]
    attempts = []

    with served(stage) as server:
        whole = lasting(server, task, tmp)
        for number in range(MOMENTS):
            run = begun(server, task)
            first = server.runner(tmp)
            time.sleep(moments.uniform(0, whole))
            kill(first, jobs_too=os.geteuid() == 0 and number % 2 == 0)
            with server.lock:
                stage.pass_time(timedelta(minutes=3))
            second = server.runner(tmp)
            end = finished(server, run)
            second.terminate()
            assert second.wait(timeout=30) in (0, -signal.SIGTERM)  # where it was not up yet

            assert end["state"] == "completed", end["errorMessage"]
            attempts.append(end["attempt"])
            branch = end["branch"]
            assert git("rev-list", "--count", f"main..{branch}", cwd=origin) == "1"
            with server.lock:
                events = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
            assert [event["toState"] for event in events].count("completed") == 1
            assert slots() == set()
            assert alive(str(tmp)) == []
            assert _ours(tmp) == []

    branches = git("for-each-ref", "--format=%(refname)", "refs/heads/optio", cwd=origin).split()
    assert len(branches) == MOMENTS + 1
    assert max(attempts) > 1, "no kill fell into a run"
