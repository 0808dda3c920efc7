"""The directories that a runner makes, locked while they are in use, and their removal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
import time
from pathlib import Path

JOB_PREFIX = "optio-job-"
TOOLS_PREFIX = "optio-tools-"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GIVE_UP_SECONDS = 300.0
"""A program of the job that still lives could make new files without an end."""


def make_root(prefix: str = JOB_PREFIX) -> tuple[Path, int]:
    """Return a new directory and the open lock that marks it as used.

    The lock is on the directory itself: while there is a directory, there is something to lock.
    """
    while True:
        root = Path(tempfile.mkdtemp(prefix=prefix))
        lock = _try_lock(root)
        if lock is not None and root.exists():
            return root, lock
        if lock is not None:  # another runner took it for a leftover before it was locked
            os.close(lock)


def _try_lock(root: Path) -> int | None:
    """Return an open lock on a directory of the runner, or nothing where that cannot be had."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        lock = os.open(root, flags)
        try:
            if os.fstat(lock).st_uid == os.geteuid() and not _is_locked_inside(lock):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
        except BlockingIOError:
            pass
        os.close(lock)
    return None


def _is_locked_inside(directory: int) -> bool:
    """Return whether a runner of an earlier version holds its lock file in a directory."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        lock = os.open(".lock", flags, dir_fd=directory)
    except OSError:
        return False
    try:
        if stat.S_ISREG(os.fstat(lock).st_mode):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def remove_directory(root: Path) -> None:
    """Remove a directory, also if the rights to do so were taken away; touch nothing outside.

    A program of the job may still move things about below it, so nothing there is named by a path.
    """
    above = os.open(root.parent, _DIRECTORY)
    try:
        until = time.monotonic() + _GIVE_UP_SECONDS
        for _ in range(3):
            with contextlib.suppress(FileNotFoundError):
                _remove_entry(root.name, above, until)
            if not os.path.lexists(root):
                return
    finally:
        os.close(above)


def _remove_entry(name: str, above: int, until: float) -> None:
    if _unlink_file(name, above):
        return
    top = _open_directory(name, above)
    try:
        pending = _list_names(top)
        while pending and time.monotonic() < until:
            with contextlib.suppress(OSError):
                pending += _move_up(pending.pop(), top)
    finally:
        os.close(top)
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=above)


def _move_up(name: str, top: int) -> list[str]:
    """Remove an entry of `top`; return the directories in it, which now lie in `top` as well.

    However deep a job has nested them, one level is open at a time.
    """
    if _unlink_file(name, top):
        return []
    moved = []
    here = _open_directory(name, top)
    try:
        for each in _list_names(here):
            with contextlib.suppress(OSError):
                if not _unlink_file(each, here):
                    os.close(_open_directory(each, here))
                    aside = secrets.token_hex(16)
                    os.rename(each, aside, src_dir_fd=here, dst_dir_fd=top)
                    moved.append(aside)
    finally:
        os.close(here)
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=top)
    return moved


def _list_names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def _unlink_file(name: str, above: int) -> bool:
    """Remove a name unless it is a directory's; return whether it was removed."""
    try:
        os.unlink(name, dir_fd=above)
    except IsADirectoryError:
        return False
    return True


def _open_directory(name: str, above: int) -> int:
    """Open a directory, with the right to empty it."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        path = f"/proc/self/fd/{handle}"  # no link leads elsewhere, and no right is needed for it
        with contextlib.suppress(OSError):
            Path(path).chmod(stat.S_IRWXU)
        return os.open(path, _DIRECTORY)
    finally:
        os.close(handle)


def remove_stale() -> None:
    """Remove the directories of runners that were killed before they could."""
    for prefix in (JOB_PREFIX, TOOLS_PREFIX):
        for root in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            lock = _try_lock(root)
            if lock is not None:
                remove_directory(root)
                os.close(lock)
