"""Runs one program of a job, watched."""

from __future__ import annotations

import errno
import os
import select
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.output.text import LineSplitter
from chalicelib.runner.sandbox import processes
from chalicelib.runner.sandbox.namespaces import Confinement, Unconfined
from chalicelib.runner.sandbox.programs import ProgramStart, RunningProgram, SandboxError

TOO_BIG_MESSAGE = (
    "cannot start {!r}: its arguments and environment take more than the kernel accepts;"
    " put large values into files"
)

UNFINISHED_SHOWN_AFTER_MS = 3000
"""Silence after which a line without an end, such as a question, is shown."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to start, and its directory."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    stdin: Path = Path(os.devnull)
    confinement: Confinement = field(default_factory=Unconfined)
    """The job's for what is the job's; without one, it runs as the runner itself."""
    descriptors: tuple[int, ...] = ()


def run_program(
    program: Program,
    control: JobControl,
    *,
    out: LineSplitter,
    err: LineSplitter | None,
    enough: Callable[[], bool] = lambda: False,
    alone: bool = False,
) -> int:
    """Return the exit code of `program`; without `err` both of its streams go to `out`.

    With `alone` nothing that it started outlives it, which also closes its streams for certain.
    """
    process, streams = _start_program(program, merged=err is None)
    readers = [_start_reader(streams[0], out)]
    if err is not None:
        readers.append(_start_reader(streams[1], err))
    with processes.own_exit_status(process.pid):
        try:
            _wait_for_end(process, control, enough)
        except BaseException:
            processes.end_descendants()
            raise
        finally:
            if alone:
                processes.end_descendants()
            code = process.wait()
    for reader in readers:
        reader.join(timeout=10 if alone else 1)
    return code


def _start_program(program: Program, *, merged: bool) -> tuple[RunningProgram, list[IO[bytes]]]:
    """Start `program`; return it with the ends of its output that are the runner's."""
    streams: list[IO[bytes]] = []
    ends: list[int] = []
    for _ in range(1 if merged else 2):
        reading, writing = os.pipe()
        streams.append(os.fdopen(reading, "rb"))
        ends.append(writing)
        if user := program.confinement.job_user:
            os.fchown(writing, user.number, user.number)  # so that it may open /dev/stdout
    try:
        with open(program.stdin, "rb", opener=_open_plainly) as stdin:
            start = ProgramStart(
                argv=program.argv,
                cwd=program.cwd,
                environment=program.environment,
                stdin=stdin,
                stdout=ends[0],
                stderr=ends[-1],
                descriptors=program.descriptors,
            )
            return program.confinement.start_program(start), streams
    except (SandboxError, OSError, ValueError) as error:
        for stream in streams:
            stream.close()
        raise _start_failure(error, program.argv[0]) from error
    finally:
        for end in ends:
            os.close(end)


def _open_plainly(path: str, flags: int) -> int:
    """Open an input through no link, and without waiting: a job may have put something there."""
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode) and not os.path.samestat(facts, Path(os.devnull).stat()):
        os.close(file)
        raise SandboxError(f"the job put something else in the place of {path}")
    os.set_blocking(file, True)
    return file


def _start_failure(error: Exception, name: str) -> JobFailed:
    if isinstance(error, SandboxError):
        return JobFailed(ErrorClass.CRASH, f"the sandbox of the job failed: {error}")
    if not isinstance(error, OSError):  # a zero byte in an argument or a variable
        return JobFailed(ErrorClass.SETUP, f"cannot start {name!r}: {error}")
    if error.errno == errno.E2BIG:
        return JobFailed(ErrorClass.SETUP, TOO_BIG_MESSAGE.format(name))
    return JobFailed(ErrorClass.MISSING_TOOL, f"cannot start {name!r}: {error.strerror}")


def _wait_for_end(process: RunningProgram, control: JobControl, enough: Callable[[], bool]) -> None:
    reaped = time.monotonic()
    while not enough():
        control.raise_if_ended()
        try:
            process.wait(timeout=0.1)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() - reaped > 2:
                processes.reap_children(processes.list_descendants(os.getpid()))
                reaped = time.monotonic()
    processes.end_descendants()


def _start_reader(stream: IO[bytes], lines: LineSplitter) -> threading.Thread:
    def read() -> None:
        with stream:
            waiting = select.poll()
            waiting.register(stream, select.POLLIN)
            while True:
                if not waiting.poll(UNFINISHED_SHOWN_AFTER_MS):
                    lines.flush_unfinished()
                elif data := os.read(stream.fileno(), 65536):
                    lines.feed_bytes(data)
                else:
                    break
        lines.feed_end()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
