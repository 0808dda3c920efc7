"""Failures of a command, and the exit codes that report them to scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes. They are documented in docs/reference/cli.md and do not change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    ACCESS = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    DIFFERENT = 7
    INTERRUPTED = 130


class Failure(Exception):
    """A failed command: one sentence, the fields at fault and the exit code."""

    def __init__(
        self, message: str, code: ExitCode, details: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = [dict(detail) for detail in details]
