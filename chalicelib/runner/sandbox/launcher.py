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
from typing import Any, BinaryIO

from chalicelib.runner.sandbox.programs import ProgramStart, SandboxError

_ENTER = Path(__file__).with_name("enter.py")


class LaunchedProgram:
    """A program inside a sandbox, and the process beside it that waits for its end."""

    def __init__(self, pid: int, answers: BinaryIO) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._answers = answers

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not _is_readable(self._answers, timeout):
                raise subprocess.TimeoutExpired("program", timeout or 0)
            with self._answers:
                code = _read_answer(self._answers)
            self.returncode = -signal.SIGKILL if code is None else int(code)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


def _is_readable(stream: BinaryIO, timeout: float | None) -> bool:
    waiting = select.poll()
    waiting.register(stream, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def _read_answer(stream: BinaryIO) -> Any:
    """Return the next answer; nothing where its sender was killed."""
    try:
        return marshal.load(stream)
    except EOFError:
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
        reading, writing = os.pipe()
        answers = os.fdopen(reading, "rb", buffering=0)
        try:
            self._send_request(program, writing)
            return _take_start(answers, program)
        except BaseException:
            answers.close()
            raise

    def _send_request(self, program: ProgramStart, answers: int) -> None:
        descriptors = program.numbered_descriptors()
        argv, environment = list(program.argv), dict(program.environment)
        spec = (self._user, argv, environment, str(program.cwd), list(descriptors))
        with os.fdopen(answers, "wb"), os.fdopen(os.memfd_create("spec"), "wb") as stream:
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


def _take_start(answers: BinaryIO, program: ProgramStart) -> LaunchedProgram:
    """Return a program that started, or raise why it did not."""
    answer = _read_answer(answers)
    if answer is None:
        raise SandboxError("it cannot be entered: the process that starts programs ended")
    kind, number, message = answer
    if kind == "started":
        return LaunchedProgram(number, answers)
    if kind == "refused":
        raise SandboxError(f"it cannot be entered: {message}")
    if number is None:
        raise ValueError(message)
    raise OSError(number, os.strerror(number), program.argv[0])
