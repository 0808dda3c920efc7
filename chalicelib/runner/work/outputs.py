"""The files that an agent left in `OPTIO_OUTPUT`: read without trust, cleaned, and sent away.

The job continues in any case, and the log names the files that are not kept. No process of the job
lives any more when they are read. A name may still lead anywhere, so only plain files of the job's
own user are opened, and no link is followed.
"""

from __future__ import annotations

import heapq
import mimetypes
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.runs.output import (
    DEFAULT_CONTENT_TYPE,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    RunOutput,
    name_fault,
)
from chalicelib.runner.api import RunnerApi
from chalicelib.runner.errors import ApiError, ApiUnavailable
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.sandbox.workspace import JobDirectory

MAX_UPLOAD_TIME = timedelta(minutes=1)
MAX_NOTICES = 20


class FileLeftOut(Exception):
    """Why a file is left out."""


@dataclass
class FoundFiles:
    """The files kept of a directory, and why the rest is not."""

    files: dict[RunOutput, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def remaining_bytes(self) -> int:
        return MAX_TOTAL_BYTES - sum(output.size for output in self.files)


def send_outputs(
    api: RunnerApi, order: JobSpec, job_directory: JobDirectory, lines: JobLog
) -> list[RunOutput]:
    """Upload the allowed files, name the others, and return the list for the report."""
    output_files = _find_files(
        job_directory.output_path,
        job_directory.job_user.number if job_directory.job_user else os.geteuid(),
        lines.redactor,
    )
    for notice in output_files.left[:MAX_NOTICES]:
        lines.add_line("system", f"not kept of OPTIO_OUTPUT: {notice}")
    if len(output_files.left) > MAX_NOTICES:
        lines.add_line(
            "system", f"not kept of OPTIO_OUTPUT: {len(output_files.left) - MAX_NOTICES} more"
        )
    if not output_files.files:
        return []
    try:
        send_files(api, order, output_files.files)
    except ApiError as error:
        lines.add_line("system", f"the files in OPTIO_OUTPUT could not be kept: {error}")
        return []
    names = ", ".join(output.name for output in output_files.files)
    lines.add_line("system", f"kept of OPTIO_OUTPUT: {names}")
    return list(output_files.files)


def _find_files(directory: Path, owner: int, redactor: Redactor) -> FoundFiles:
    output_files = FoundFiles()
    try:
        with _open_file(directory, os.O_DIRECTORY) as here:
            for name in _list_names(here, output_files):
                try:
                    _take_file(output_files, name, here, owner, redactor)
                except FileLeftOut as left:
                    output_files.left.append(f"{_printable_name(name)}: {left}")
    except FileNotFoundError:
        return output_files
    except OSError as error:
        output_files.left.append(f"the directory cannot be read: {error.strerror}")
    return output_files


def _printable_name(name: str) -> str:
    return (name if name.isprintable() else ascii(name)[1:-1])[:200]


@contextmanager
def _open_file(path: Path | str, flags: int, above: int | None = None) -> Iterator[int]:
    here = os.open(path, flags | os.O_RDONLY | os.O_NOFOLLOW, dir_fd=above)
    try:
        yield here
    finally:
        os.close(here)


def _list_names(here: int, output_files: FoundFiles) -> list[str]:
    """Return the first names, of however many there are."""
    number = 0

    def counted() -> Iterator[str]:
        nonlocal number
        with os.scandir(here) as entries:
            for entry in entries:
                number += 1
                yield entry.name

    names = heapq.nsmallest(MAX_FILES, counted())
    if number > len(names):
        output_files.left.append(f"{number - len(names)} files above the {MAX_FILES} that are kept")
    return names


def _take_file(
    output_files: FoundFiles, name: str, here: int, owner: int, redactor: Redactor
) -> None:
    if reason := name_fault(name):
        raise FileLeftOut(reason)
    if redactor.redact_text(name) != name:
        raise FileLeftOut("a secret is part of its name")
    content = clean_content(_read_file(name, here, owner, output_files.remaining_bytes), redactor)
    kind = mimetypes.guess_type(name)[0] or DEFAULT_CONTENT_TYPE
    output_files.files[RunOutput(name=name, size=len(content), content_type=kind)] = content


def _read_file(name: str, here: int, owner: int, room: int) -> bytes:
    try:
        with _open_file(name, os.O_NONBLOCK | os.O_NOCTTY, here) as file:
            _check_file(os.fstat(file), owner, room)
            with os.fdopen(file, "rb", closefd=False) as stream:
                return stream.read(room)
    except OSError as error:
        raise FileLeftOut(f"it cannot be read: {error.strerror}") from None


def _check_file(what: os.stat_result, owner: int, room: int) -> None:
    if stat.S_ISDIR(what.st_mode):
        raise FileLeftOut("it is a directory: pack it into one file")
    if not stat.S_ISREG(what.st_mode):
        raise FileLeftOut("it is not a plain file")
    if what.st_uid != owner:
        raise FileLeftOut("it belongs to another user")
    if what.st_size > room:
        raise FileLeftOut(f"too big: all files may have {MAX_TOTAL_BYTES >> 20} MiB together")


def clean_content(content: bytes, redactor: Redactor) -> bytes:
    """Return text with its secrets redacted; a binary file would break, so it is left out."""
    if not redactor.contains_secret(content):
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise FileLeftOut(
            "a secret is in it, and it is not a text that could be redacted"
        ) from None
    cleaned = redactor.redact_text(text).encode()
    if redactor.contains_secret(cleaned):
        raise FileLeftOut("a secret is in it in a form that cannot be cleaned")
    return cleaned


def send_files(api: RunnerApi, order: JobSpec, files: Mapping[RunOutput, bytes]) -> None:
    until = time.monotonic() + MAX_UPLOAD_TIME.total_seconds()
    while True:
        try:
            addresses = api.request_uploads(order.run_id, order.attempt, files)
            for output, content in files.items():
                api.upload_file(addresses[output.name], content, output.content_type)
        except ApiUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(2)
            continue
        return
