"""The process that starts programs inside a sandbox, seen from the runner.

A job starts about seventy programs. Each by a Python of its own would take a second of them all.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from chalicelib.runner.sandbox.programs import ProgramStart, SandboxError

_ENTER = Path(__file__).with_name("enter.py")
_MAX_ANSWER_BYTES = 4096


class LaunchedProgram:
    """A program inside a sandbox, and the process beside it that waits for its end."""

    def __init__(self, pid: int, answers: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._answers = answers

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not _is_readable(self._answers, timeout):
                raise subprocess.TimeoutExpired("program", timeout or 0)
            with self._answers:
                answer = _read_answer(self._answers)
            code = answer.number if answer and answer.kind == "ended" else None
            self.returncode = -signal.SIGKILL if code is None else code
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


class _Answer(NamedTuple):
    kind: str
    number: int | None
    message: str


def _is_readable(answers: socket.socket, timeout: float | None) -> bool:
    waiting = select.poll()
    waiting.register(answers, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def _read_answer(answers: socket.socket) -> _Answer | None:
    """Return the next answer; nothing where its sender was killed, or where it is none.

    Without users for jobs, a job's own program might write one, so it is only text.
    """
    try:
        kind, number, message = answers.recv(_MAX_ANSWER_BYTES).decode().split("\0", 2)
        return _Answer(kind, int(number) if number else None, message)
    except ValueError:
        return None


class Launcher:
    """The process that starts what runs inside `namespaces`, as `user` where there is one."""

    def __init__(self, namespaces: list[int], user: int | None) -> None:
        self._user = user
        self._requests, other_end = socket.socketpair()
        with other_end:
            descriptors = (other_end.fileno(), *namespaces)
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", str(_ENTER), *map(str, descriptors)),
                cwd="/",
                env={"LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=descriptors,
            )
        self.pid = self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def start_program(self, program: ProgramStart) -> LaunchedProgram:
        """Start a program inside; raise `OSError` as `subprocess` does, or `SandboxError`."""
        texts = (*program.argv, *program.environment, *program.environment.values())
        if any("\0" in text for text in texts):
            raise ValueError("embedded null byte")
        answers, other_end = socket.socketpair(type=socket.SOCK_SEQPACKET)
        try:
            with other_end:
                self._send_request(program, other_end.fileno())
            return _take_start(answers, program)
        except BaseException:
            answers.close()
            raise

    def _send_request(self, program: ProgramStart, answers: int) -> None:
        descriptors = program.numbered_descriptors()
        argv, environment = list(program.argv), dict(program.environment)
        spec = (self._user, argv, environment, str(program.cwd), list(descriptors))
        with os.fdopen(os.memfd_create("spec"), "wb") as stream:
            stream.write(marshal.dumps(spec))
            stream.flush()
            passed = [stream.fileno(), answers, *descriptors.values()]
            try:
                socket.send_fds(self._requests, [b"P"], passed)
            except OSError as error:
                raise SandboxError(f"it cannot be entered: {error.strerror}") from error

    def end_process(self) -> None:
        self._requests.close()
        self._process.kill()
        self._process.wait()


def _take_start(answers: socket.socket, program: ProgramStart) -> LaunchedProgram:
    """Return a program that started, or raise why it did not."""
    answer = _read_answer(answers)
    if answer is None:
        raise SandboxError("it cannot be entered: the process that starts programs ended")
    if answer.kind == "started" and answer.number is not None:
        return LaunchedProgram(answer.number, answers)
    if answer.kind != "failed":
        raise SandboxError(f"it cannot be entered: {answer.message}")
    if answer.number is None:
        raise ValueError(answer.message)
    raise OSError(answer.number, os.strerror(answer.number), program.argv[0])
