"""What can go wrong for somebody at the terminal, and the exit code that tells a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; documented in docs/reference/cli.md, and stable."""

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
    """Why a command ends: one sentence, the fields at fault, the exit code."""

    def __init__(self, message: str, code: Exit, details: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = [dict(detail) for detail in details]
