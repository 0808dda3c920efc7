"""The process that starts the programs of a sandbox."""

from __future__ import annotations

import marshal
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from chalicelib.runner.sandbox import enter, processes
from chalicelib.runner.sandbox.launcher import LaunchedProgram, Launcher
from chalicelib.runner.sandbox.programs import SandboxError, run_briefly
from tests.support.fake_runner_api import ROOT, until
from tests.support.sandbox import Inside, abilities, inside, job_user, jobs

__all__ = ["abilities", "inside", "job_user", "jobs"]

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def children_of_this_process() -> set[int]:
    return set(processes.list_descendants(os.getpid()))


def test_programs_run_at_once_and_each_ends_with_its_own_status(inside: Inside):
    first = inside.start("read -r line < <(sleep 300); exit 3")
    second = inside.start("echo here; exit 4")

    assert second.finish(20) == (4, "here")
    with pytest.raises(subprocess.TimeoutExpired):
        first.program.wait(0.1)
    assert inside.run("until pkill -x sleep; do :; done")[0] == 0
    assert first.finish(20) == (3, "")


def test_all_programs_of_a_sandbox_are_started_by_one_process(inside: Inside):
    inside.run("true")
    before = children_of_this_process()
    for _ in range(3):
        inside.run("true")

    until(lambda: not any(map(_command, children_of_this_process() - before)))


def test_a_launcher_that_was_killed_is_replaced_with_its_sandbox(inside: Inside):
    assert inside.run("sleep 300 > /dev/null 2>&1 & echo kept > $HOME/file")[0] == 0
    (launcher,) = (
        process.pid
        for process in psutil.Process().children()
        if "enter.py" in _command(process.pid)
    )
    os.kill(launcher, signal.SIGKILL)

    until(lambda: psutil.Process(launcher).status() == psutil.STATUS_ZOMBIE)
    assert inside.run("cat $HOME/file; pgrep sleep") == (1, "kept")


def test_a_launcher_that_ends_at_a_start_is_a_failure_of_the_sandbox():
    launcher = Launcher([], None)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher._process.wait()

    with pytest.raises(SandboxError, match="cannot be entered"):
        run_briefly(launcher.start_program, ("true",), Path("/"), ENVIRONMENT)
    launcher.end_process()


def test_what_is_no_namespace_is_a_failure_of_the_sandbox(tmp_path: Path):
    (tmp_path / "plain").touch()
    wrong = os.open(tmp_path / "plain", os.O_RDONLY)
    launcher = Launcher([wrong], None)

    with pytest.raises(SandboxError, match="cannot be entered: Invalid argument"):
        run_briefly(launcher.start_program, ("true",), Path("/"), ENVIRONMENT)
    launcher.end_process()
    os.close(wrong)


def test_a_launcher_ends_with_the_process_that_started_it():
    program = (
        "import time; from chalicelib.runner.sandbox.launcher import Launcher;"
        "print(Launcher([], None).pid, flush=True); time.sleep(300)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE
    ) as runner:
        assert runner.stdout is not None
        launcher = int(runner.stdout.readline())
        runner.kill()

    until(lambda: not _command(launcher))


def test_descriptors_take_each_others_numbers():
    """The launcher receives them under numbers of its own."""
    files = [os.memfd_create(word) for word in ("a", "b", "c")]
    for file, word in zip(files, (b"a", b"b", b"c"), strict=True):
        os.write(file, word)

    enter._place_descriptors(dict(zip(files, (*files[1:], files[0]), strict=True)))

    assert [os.pread(file, 9, 0) for file in files] == [b"b", b"c", b"a"]
    for file in files:
        os.close(file)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\xff\0", b"ended", b"ended\0many\0", b"started\0\0", marshal.dumps(("ended", 0))],
)
def test_what_is_no_answer_is_no_end(packet: bytes):
    """Without users for jobs, a program of the job may find the socket of the answers."""
    answers, other_end = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with other_end:
        other_end.send(packet)

    assert LaunchedProgram(1, answers).wait(20) == -signal.SIGKILL


def test_a_program_holds_no_socket_of_the_answers(inside: Inside):
    assert inside.run("ls -l /proc/self/fd | grep -c socket") == (1, "0")


def _command(pid: int) -> str:
    """Return the command line of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
