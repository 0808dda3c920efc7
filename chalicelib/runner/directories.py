"""The directories that a runner makes, locked while they are in use, and their removal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

JOB_PREFIX = "optio-job-"
TOOLS_PREFIX = "optio-tools-"


def new_root(prefix: str = JOB_PREFIX) -> tuple[Path, int]:
    """Return a new directory and the open lock that tells others it is in use.

    The lock is on the directory itself: while there is a directory, there is something to lock.
    """
    while True:
        root = Path(tempfile.mkdtemp(prefix=prefix))
        lock = _lock(root)
        if lock is not None and root.exists():
            return root, lock
        if lock is not None:  # another runner took it for a leftover before it was locked
            os.close(lock)


def _lock(root: Path) -> int | None:
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
    """Whether a runner of an earlier version holds the lock file that it made in a directory."""
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


def remove(root: Path) -> None:
    """Remove a directory, also where somebody took the rights to do so; touch nothing outside."""

    def allow(act: Callable[[str], object], name: str, _: object) -> None:
        with contextlib.suppress(OSError):
            above = () if Path(name) == root else (Path(name).parent,)
            for each in (*above, Path(name)):
                if not each.is_symlink() and each.is_dir():
                    each.chmod(stat.S_IRWXU)
            if Path(name).is_dir() and not Path(name).is_symlink():
                shutil.rmtree(name, ignore_errors=True)
            else:
                act(name)

    for _ in range(3):
        if not root.exists():
            return
        shutil.rmtree(root, onerror=allow)


def remove_stale() -> None:
    """Remove the directories of runners that were killed before they could."""
    for prefix in (JOB_PREFIX, TOOLS_PREFIX):
        for root in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            lock = _lock(root)
            if lock is not None:
                remove(root)
                os.close(lock)
