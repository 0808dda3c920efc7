"""Programs of a job: what is needed to start one, and one that was started."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Protocol


class SandboxError(Exception):
    """The sandbox cannot be made or entered."""


@dataclass(frozen=True, kw_only=True)
class ProgramStart:
    """A program to start; its streams are open descriptors."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    stdin: int | IO[bytes]
    stdout: int | IO[bytes]
    stderr: int | IO[bytes]
    descriptors: tuple[int, ...] = ()

    def numbered_descriptors(self) -> dict[int, int]:
        """Return the open descriptor for each number that the program knows."""
        streams = (self.stdin, self.stdout, self.stderr)
        numbers = (each if isinstance(each, int) else each.fileno() for each in streams)
        return {**dict(enumerate(numbers)), **{each: each for each in self.descriptors}}


class RunningProgram(Protocol):
    """A program that was started."""

    @property
    def pid(self) -> int:
        """The process that ends with the program, as the runner sees it."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, or the negative signal; raise `subprocess.TimeoutExpired`."""

    def kill(self) -> None:
        """End the waiting for the program; processes that it has started may live on."""


class ShortOutput(NamedTuple):
    """The exit code of a short program, and its output."""

    code: int
    out: bytes
    err: bytes


def run_briefly(
    start: Callable[[ProgramStart], RunningProgram],
    argv: tuple[str, ...],
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float | None = None,
) -> ShortOutput:
    """Run a short program without input; raise as `start` does, or `subprocess.TimeoutExpired`."""
    with (
        open(os.devnull, "rb") as stdin,  # noqa: PTH123
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        program = start(
            ProgramStart(
                argv=argv, cwd=cwd, environment=environment, stdin=stdin, stdout=out, stderr=err
            )
        )
        try:
            code = program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
        out.seek(0)
        err.seek(0)
        return ShortOutput(code, out.read(), err.read())
