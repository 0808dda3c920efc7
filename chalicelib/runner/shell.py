"""Runs one program of a job, watched."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from chalicelib.runner import processes
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure
from chalicelib.runner.text import Lines
from chalicelib.runner.users import User

UNFINISHED_SHOWN_AFTER_MS = 3000
"""Silence after which a line without an end, such as a question, is shown."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start, and where."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    stdin: Path = Path(os.devnull)
    user: User | None = None
    descriptors: tuple[int, ...] = ()


def run(
    program: Program,
    control: Control,
    *,
    out: Lines,
    err: Lines | None,
    enough: Callable[[], bool] = lambda: False,
    alone: bool = False,
) -> int:
    """Return the exit code of `program`; without `err` both of its streams go to `out`.

    With `alone` nothing that it started outlives it, which also closes its streams for certain.
    """
    process = _start(program, merged=err is None)
    readers = [_reader(process.stdout, out)]
    if err is not None:
        readers.append(_reader(process.stderr, err))
    with processes.owning(process.pid):
        try:
            _wait(process, control, enough)
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


def _start(program: Program, *, merged: bool) -> subprocess.Popen[bytes]:
    try:
        with program.stdin.open("rb") as stdin:
            return subprocess.Popen(
                program.argv,
                cwd=program.cwd,
                env=dict(program.environment),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                start_new_session=True,
                pass_fds=program.descriptors,
                **_as(program.user),
            )
    except OSError as error:
        raise Failure(
            "missing_tool", f"cannot start {program.argv[0]!r}: {error.strerror}"
        ) from error
    except ValueError as error:  # a zero byte in an argument or a variable
        raise Failure("setup", f"cannot start {program.argv[0]!r}: {error}") from error


def _as(user: User | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.number, "group": user.number, "extra_groups": ()}


def _wait(process: subprocess.Popen[bytes], control: Control, enough: Callable[[], bool]) -> None:
    reaped = time.monotonic()
    while not enough():
        control.check()
        try:
            process.wait(timeout=0.1)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() - reaped > 2:
                processes.reap(processes.descendants(os.getpid()))
                reaped = time.monotonic()
    processes.end_descendants()


def _reader(stream: IO[bytes] | None, lines: Lines) -> threading.Thread:
    def read() -> None:
        assert stream is not None
        with stream:
            waiting = select.poll()
            waiting.register(stream, select.POLLIN)
            while True:
                if not waiting.poll(UNFINISHED_SHOWN_AFTER_MS):
                    lines.flush_unfinished()
                elif data := os.read(stream.fileno(), 65536):
                    lines.feed(data)
                else:
                    break
        lines.close()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
