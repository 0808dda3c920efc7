"""`make dev` reports in one line why it cannot start."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from infra.dev import dev, dev_state
from infra.dev.emulator import ROOT
from infra.dev.proxy import Front
from infra.release import release
from infra.release.change_sets import Undeployable
from infra.release.deploy import Target


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_that_is_taken_is_named_with_its_remedy(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(SystemExit, match=f"port {port} is taken: set PORT"):
            dev._check(port)


def test_a_tool_that_is_missing_is_named(
    tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit, match="git is missing: install it"):
        dev._check(free)


def test_a_state_folder_that_is_in_use_is_left_alone(tmp_path: Path):
    (tmp_path / "dev.json").write_text(json.dumps({"pid": os.getpid()}))
    with dev._hold(tmp_path):
        for _ in range(2):
            with pytest.raises(
                SystemExit, match=f"in use by process {os.getpid()}: set OPTIO_STATE"
            ):
                dev._hold(tmp_path)
    dev._hold(tmp_path).close()


def test_what_a_killed_start_left_is_no_obstacle_even_if_its_number_was_given_again(
    tmp_path: Path,
):
    holding = (
        "import sys, time; from pathlib import Path; from infra.dev import dev\n"
        "lock = dev._hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    program = [sys.executable, "-c", holding, str(tmp_path)]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        (tmp_path / "dev.json").write_text(json.dumps({"pid": os.getpid()}))
        with pytest.raises(SystemExit, match="is in use"):
            dev._hold(tmp_path)
        other.kill()
    dev._hold(tmp_path).close()


def test_a_redeploy_that_makes_the_api_anew_is_followed_by_the_front(
    tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch
):
    stack = dev.LocalStack(free, tmp_path)
    monkeypatch.setattr(stack, "_deploy", lambda: {"RestAPIId": "new"})
    with Front(free, 1, "old", "api") as front:
        stack._front = front
        stack._redeploy()

    assert front.api == "new"


def test_a_browser_that_leaves_before_its_answer_prints_nothing(
    free: int, capfd: pytest.CaptureFixture[str]
):
    with (
        socket.create_server(("127.0.0.1", 0)) as upstream,
        Front(free, upstream.getsockname()[1], "a", "api"),
    ):
        with socket.create_connection(("127.0.0.1", free)) as browser:
            browser.sendall(b"GET /tasks HTTP/1.1\r\nHost: x\r\n\r\n")
            asked, _ = upstream.accept()
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with asked:
            asked.recv(65536)
            asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000)

    assert capfd.readouterr().err == ""


def test_what_needs_a_running_system_says_so_where_there_is_none(tmp_path: Path):
    for left in (None, {"pid": 2**22 + 1}):
        if left:
            (tmp_path / "dev.json").write_text(json.dumps(left))
        with pytest.raises(SystemExit, match="nothing is running: start `make dev`"):
            dev_state.card(tmp_path)


def test_a_change_of_the_sources_is_told_to_the_process_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    told: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: told.append(number))
    monkeypatch.setenv("OPTIO_STATE", str(tmp_path))
    (tmp_path / "dev.json").write_text(json.dumps({"pid": os.getpid()}))
    try:
        dev_state.main()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert told == [signal.SIGHUP]
    assert "says there when it is done" in capsys.readouterr().out


def test_a_stage_is_never_deployed_with_repos_of_the_runners_machine(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(release, "settings", Settings({"OPTIO_ALLOW_FILE_REPOS": "1"}))

    with pytest.raises(Undeployable, match="for `make dev` alone"):
        release.deploy(Target("http://127.0.0.1:1", "prod"))


def test_a_runner_of_another_machines_stage_reads_no_directories_of_its_own(tmp_path: Path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "OPTIO_RUNNER_TOKEN": "x",
        "OPTIO_ALLOW_FILE_REPOS": "1",
    }
    for url in ("https://optio.example.com", "http://127.0.0.1.example.com", "https://10.0.0.1"):
        program = [sys.executable, "-m", "chalicelib.runner", "--url", url]
        done = subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert "OPTIO_ALLOW_FILE_REPOS is for a stage on this machine" in done.stderr
