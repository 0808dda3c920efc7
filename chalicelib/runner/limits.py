"""What one job may fill: its directory, watched, and each single file, by the kernel."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from pathlib import Path

from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure

GIB = 1024**3
EVERY_SECONDS = 2.0
_PROCESSES = 4096


def apply(disk_bytes: int, *, own_user: bool) -> None:
    """Limit this process and all that it starts: no core dumps, no file above the disk limit.

    The number of processes is counted per user, so it is limited only where a job has its own.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, disk_bytes)
    if own_user:
        _lower(resource.RLIMIT_NPROC, _PROCESSES)


def _lower(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit, limit))


class DiskWatch:
    """A thread that ends the job when its directory takes more than it may."""

    def __init__(self, root: Path, limit: int, control: Control) -> None:
        self._root = root
        self._limit = limit
        self._control = control
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()

    def _watch(self) -> None:
        pause = EVERY_SECONDS
        while not self._closed.wait(pause):
            started = time.monotonic()
            used = size(self._root)
            if used > self._limit:
                self._control.fail(Failure("disk", too_much(used, self._limit)))
                return
            pause = max(EVERY_SECONDS, 10 * (time.monotonic() - started))


def too_much(used: int, limit: int) -> str:
    return (
        f"the job's directory takes {used / GIB:.1f} GiB, and may take {limit / GIB:g} GiB"
        " (--disk-gb of the runner)"
    )


def size(root: Path) -> int:
    """Return how many bytes of the disk lie below `root`; links are not followed."""
    total = 0
    folders = [str(root)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total
