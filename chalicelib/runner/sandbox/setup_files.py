"""Reads what setup hands to the agent: variables, directories of the `PATH`, values to redact.

Setup writes the files that `$OPTIO_ENV`, `$OPTIO_PATH` and `$OPTIO_MASK` name. They are read once,
after setup, without following a link or waiting for a pipe, and are gone before the agent starts.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.output.redact import MIN_FORM_LENGTH

VARIABLE_FILES = {"OPTIO_ENV": "env", "OPTIO_PATH": "path", "OPTIO_MASK": "mask"}
MAX_BYTES = 256 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIXED = frozenset({"PATH", "HOME", "TMPDIR"})
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"})
_OF_MODELS = re.compile(
    r"(OPTIO|ANTHROPIC|CLAUDE_CODE|OPENAI|AZURE_OPENAI|CODEX|GEMINI|GOOGLE_GEMINI|COPILOT|OPENCODE"
    r"|GOOGLE_GENERATIVE_AI|OPENROUTER|DEEPSEEK|GROQ|MISTRAL|XAI|AWS_BEARER_TOKEN)_\w*"
    r"|GOOGLE_API_KEY|GH_TOKEN|GITHUB_TOKEN"
)


@dataclass(frozen=True)
class SetupFiles:
    """Values that setup has left for agent and tests; the runner and its git get none."""

    variables: dict[str, str] = field(default_factory=dict, repr=False)
    path_entries: tuple[str, ...] = ()
    masked: tuple[str, ...] = field(default=(), repr=False)


def make_setup_files(directory: Path, owner: int | None) -> None:
    """Make the empty files that setup may write."""
    directory.mkdir(mode=0o700)
    for name in VARIABLE_FILES.values():
        (directory / name).touch(mode=0o600)
    if owner is not None:
        for path in (directory, *(directory / name for name in VARIABLE_FILES.values())):
            os.chown(path, owner, owner, follow_symlinks=False)


def read_setup_files(directory: Path, owner: int, secrets: Collection[str]) -> SetupFiles:
    """Return what setup wrote; raise `JobFailed` where that cannot be used.

    `secrets` names variables that the job has already, and that setup may not replace.
    """
    texts = {variable: _read_file(directory, variable, owner) for variable in VARIABLE_FILES}
    return SetupFiles(
        parse_variables(texts["OPTIO_ENV"], secrets),
        parse_path(texts["OPTIO_PATH"]),
        tuple(dict.fromkeys(filter(None, texts["OPTIO_MASK"].replace("\r\n", "\n").split("\n")))),
    )


def count_too_short(masked: Collection[str]) -> int:
    """Return how many values are too short to be redacted."""
    return sum(len(value.strip()) < MIN_FORM_LENGTH for value in masked)


def parse_variables(text: str, secrets: Collection[str] = ()) -> dict[str, str]:
    """Read `NAME=value` lines, and `NAME<<END` followed by the value's lines and a line `END`."""
    variables: dict[str, str] = {}
    lines = enumerate(text.split("\n"), 1)
    for number, line in lines:
        if not line.strip():
            continue
        match = re.match(r"([^=<]*)(=|<<)(.*)", line, re.DOTALL)
        if match is None:
            raise _line_failure(
                "OPTIO_ENV", number, "write NAME=value, or NAME<<END for several lines"
            )
        name, form, rest = match.groups()
        _check_name(name, number, secrets)
        value = rest.removesuffix("\r")
        variables[name] = value if form == "=" else _lines_until(value, number, lines)
    return variables


def _lines_until(end: str, start: int, lines: Iterator[tuple[int, str]]) -> str:
    if not end.strip():
        raise _line_failure("OPTIO_ENV", start, "write a word after <<, which ends the value")
    value: list[str] = []
    for _, line in lines:
        if line.removesuffix("\r") == end:
            return "\n".join(value)
        value.append(line)
    raise _line_failure("OPTIO_ENV", start, "the line that ends this value is missing")


def _check_name(name: str, number: int, secrets: Collection[str]) -> None:
    if not _NAME.fullmatch(name):
        raise _line_failure(
            "OPTIO_ENV", number, "a name has letters, digits and _, and no digit first"
        )
    if name == "PATH":
        raise _line_failure("OPTIO_ENV", number, "write directories of the PATH to $OPTIO_PATH")
    if name in _FIXED or name.lower() in _PROXIES or _OF_MODELS.fullmatch(name):
        raise _line_failure("OPTIO_ENV", number, f"{name} is not for setup to change")
    if name in secrets:
        raise _line_failure("OPTIO_ENV", number, f"{name} is a secret of this job")


def parse_path(text: str) -> tuple[str, ...]:
    """Read one directory a line; the last comes first in the `PATH`."""
    entries: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        if not line.startswith("/") or ":" in line:
            raise _line_failure(
                "OPTIO_PATH", number, "write one absolute path of a directory a line"
            )
        entries.append(line)
    return tuple(reversed(entries))


def _read_file(directory: Path, variable: str, owner: int) -> str:
    try:
        with _open_file(directory, VARIABLE_FILES[variable]) as file:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != owner or status.st_nlink > 1:
                raise JobFailed(
                    ErrorClass.SETUP, f"setup left something else than a file at ${variable}"
                )
            with os.fdopen(file, "rb", closefd=False) as stream:
                content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        reason = f"what setup left at ${variable} cannot be read: {error.strerror}"
        raise JobFailed(ErrorClass.SETUP, reason) from error
    if len(content) > MAX_BYTES:
        raise JobFailed(
            ErrorClass.SETUP, f"setup wrote more than {MAX_BYTES // 1024} KiB to ${variable}"
        )
    if b"\0" in content:
        raise JobFailed(ErrorClass.SETUP, f"setup wrote a zero byte to ${variable}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise JobFailed(
            ErrorClass.SETUP, f"what setup wrote to ${variable} is not UTF-8"
        ) from error


@contextmanager
def _open_file(directory: Path, name: str) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    above = os.open(directory, flags | os.O_DIRECTORY)
    try:
        file = os.open(name, flags | os.O_NONBLOCK, dir_fd=above)
    finally:
        os.close(above)
    try:
        yield file
    finally:
        os.close(file)


def _line_failure(variable: str, number: int, reason: str) -> JobFailed:
    """Return a failure that repeats nothing of the line: it may hold a secret."""
    return JobFailed(
        ErrorClass.SETUP, f"line {number} of what setup wrote to ${variable}: {reason}"
    )
