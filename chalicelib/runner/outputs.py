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

from chalicelib.domain.output import MOST_BYTES, MOST_FILES, PLAIN, Output, wrong_name
from chalicelib.runner.api import Api
from chalicelib.runner.errors import ApiError, Away
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order
from chalicelib.runner.place import Place
from chalicelib.runner.redact import Redactor

PATIENCE = timedelta(minutes=1)
MOST_NOTICES = 20


class Left(Exception):
    """Why a file is left out."""


@dataclass
class Found:
    """The files kept of a directory, and why the rest is not."""

    files: dict[Output, bytes] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        return MOST_BYTES - sum(output.size for output in self.files)


def kept(api: Api, order: Order, there: Place, lines: Log) -> list[Output]:
    """Upload the allowed files, name the others, and return the list for the report."""
    found = _found(there.output, there.user.number if there.user else os.geteuid(), lines.redactor)
    for notice in found.left[:MOST_NOTICES]:
        lines.add("system", f"not kept of OPTIO_OUTPUT: {notice}")
    if len(found.left) > MOST_NOTICES:
        lines.add("system", f"not kept of OPTIO_OUTPUT: {len(found.left) - MOST_NOTICES} more")
    if not found.files:
        return []
    try:
        send_files(api, order, found.files)
    except ApiError as error:
        lines.add("system", f"the files in OPTIO_OUTPUT could not be kept: {error}")
        return []
    names = ", ".join(output.name for output in found.files)
    lines.add("system", f"kept of OPTIO_OUTPUT: {names}")
    return list(found.files)


def _found(directory: Path, owner: int, redactor: Redactor) -> Found:
    found = Found()
    try:
        with _opened(directory, os.O_DIRECTORY) as here:
            for name in _names(here, found):
                try:
                    _take(found, name, here, owner, redactor)
                except Left as left:
                    found.left.append(f"{_shown(name)}: {left}")
    except FileNotFoundError:
        return found
    except OSError as error:
        found.left.append(f"the directory cannot be read: {error.strerror}")
    return found


def _shown(name: str) -> str:
    return (name if name.isprintable() else ascii(name)[1:-1])[:200]


@contextmanager
def _opened(path: Path | str, flags: int, above: int | None = None) -> Iterator[int]:
    here = os.open(path, flags | os.O_RDONLY | os.O_NOFOLLOW, dir_fd=above)
    try:
        yield here
    finally:
        os.close(here)


def _names(here: int, found: Found) -> list[str]:
    """Return the first names, of however many there are."""
    number = 0

    def counted() -> Iterator[str]:
        nonlocal number
        with os.scandir(here) as entries:
            for entry in entries:
                number += 1
                yield entry.name

    names = heapq.nsmallest(MOST_FILES, counted())
    if number > len(names):
        found.left.append(f"{number - len(names)} files above the {MOST_FILES} that are kept")
    return names


def _take(found: Found, name: str, here: int, owner: int, redactor: Redactor) -> None:
    if reason := wrong_name(name):
        raise Left(reason)
    if redactor.redact(name) != name:
        raise Left("a secret is part of its name")
    content = clean_content(_read(name, here, owner, found.room), redactor)
    kind = mimetypes.guess_type(name)[0] or PLAIN
    found.files[Output(name=name, size=len(content), content_type=kind)] = content


def _read(name: str, here: int, owner: int, room: int) -> bytes:
    try:
        with _opened(name, os.O_NONBLOCK | os.O_NOCTTY, here) as file:
            _check(os.fstat(file), owner, room)
            with os.fdopen(file, "rb", closefd=False) as stream:
                return stream.read(room)
    except OSError as error:
        raise Left(f"it cannot be read: {error.strerror}") from None


def _check(what: os.stat_result, owner: int, room: int) -> None:
    if stat.S_ISDIR(what.st_mode):
        raise Left("it is a directory: pack it into one file")
    if not stat.S_ISREG(what.st_mode):
        raise Left("it is not a plain file")
    if what.st_uid != owner:
        raise Left("it belongs to another user")
    if what.st_size > room:
        raise Left(f"too big: all files may have {MOST_BYTES >> 20} MiB together")


def clean_content(content: bytes, redactor: Redactor) -> bytes:
    """Return text with its secrets redacted; a binary file would break, so it is left out."""
    if not redactor.finds(content):
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Left("a secret is in it, and it is not a text that could be redacted") from None
    cleaned = redactor.redact(text).encode()
    if redactor.finds(cleaned):
        raise Left("a secret is in it in a form that cannot be cleaned")
    return cleaned


def send_files(api: Api, order: Order, files: Mapping[Output, bytes]) -> None:
    until = time.monotonic() + PATIENCE.total_seconds()
    while True:
        try:
            addresses = api.uploads(order.run_id, order.attempt, files)
            for output, content in files.items():
                api.put(addresses[output.name], content, output.content_type)
        except Away:
            if time.monotonic() > until:
                raise
            time.sleep(2)
            continue
        return
