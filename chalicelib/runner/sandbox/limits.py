"""The limits of one job: its directory, watched, and each single file, by the kernel."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.sandbox import processes

GIB = 1024**3
WATCH_INTERVAL_SECONDS = 2.0
_PROCESSES = 4096

_LONGEST_VARIABLE = 32 * 4096
_LARGEST_ENVIRONMENT = 6 * 1024 * 1024
_FOR_ARGUMENTS = 16 * 1024
_POINTER_BYTES = 8
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_PIECE = 1000
"""Characters of a path that the kernel takes for certain, whatever bytes they become."""
_TOO_LARGE = (
    "the environment of this job is more than the kernel takes: {}, and may take {:,};"
    " put large values into files"
)


def apply_limits(disk_bytes: int, *, own_user: bool) -> None:
    """Limit this process and all that it starts: no core dumps, no file above the disk limit.

    The number of processes is counted per user, so it is limited only where a job has its own.
    """
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_FSIZE, disk_bytes)
    if own_user:
        _lower_limit(resource.RLIMIT_NPROC, _PROCESSES)


def _lower_limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit, limit))


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise where the kernel would start no program with this environment."""
    sizes = {
        name: len(f"{name}={value}".encode("utf-8", "surrogateescape")) + 1
        for name, value in environment.items()
    }
    largest = max(sizes, key=lambda name: sizes[name])
    if sizes[largest] > _LONGEST_VARIABLE:
        reason = f"the variable {largest} takes {sizes[largest]:,} bytes"
        raise JobFailed(ErrorClass.SETUP, _TOO_LARGE.format(reason, _LONGEST_VARIABLE))
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _LARGEST_ENVIRONMENT if soft == resource.RLIM_INFINITY else soft // 4
    room = max(min(stack, _LARGEST_ENVIRONMENT), _LONGEST_VARIABLE) - _FOR_ARGUMENTS
    total = sum(sizes.values()) + _POINTER_BYTES * len(sizes)
    if total > room:
        reason = f"its variables and secrets take {total:,} bytes together ({largest} the most)"
        raise JobFailed(ErrorClass.SETUP, _TOO_LARGE.format(reason, room))


class DiskWatch:
    """A thread that ends the job when its directory takes more than it may."""

    def __init__(self, root: Path, limit: int, control: JobControl) -> None:
        self._root = root
        self._limit = limit
        self._control = control
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch_disk, daemon=True)

    def start_watching(self) -> None:
        self._thread.start()

    def stop_watching(self) -> None:
        self._closed.set()

    def _watch_disk(self) -> None:
        pause = WATCH_INTERVAL_SECONDS
        while not self._closed.wait(pause):
            started = time.monotonic()
            used = disk_usage(self._root)
            if used <= self._limit:
                used += unlinked_size(self._root, processes.list_descendants(os.getpid()))
            if used > self._limit:
                self._control.fail_job(JobFailed(ErrorClass.DISK, disk_message(used, self._limit)))
                return
            pause = max(WATCH_INTERVAL_SECONDS, 10 * (time.monotonic() - started))


def disk_message(used: int, limit: int) -> str:
    return (
        f"the job's directory, with deleted files that are still open, takes"
        f" {used / GIB:.1f} GiB, and may take {limit / GIB:g} GiB (--disk-gb of the runner)"
    )


def disk_usage(root: Path) -> int:
    """Return how many bytes of the disk lie below `root`; links are not followed.

    A directory deeper than the longest path is opened by its name in the one above it.
    """
    total = 0
    pending = [_Folder(str(root))]
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError), folder.open() as here, os.scandir(here) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(folder.enter(entry.name))
    return total


@dataclass(frozen=True)
class _Folder:
    """A directory, by pieces of a path that are short enough to be opened one after the other."""

    piece: str
    above: tuple[str, ...] = ()

    def enter(self, name: str) -> _Folder:
        if len(self.piece) + len(name) < _LONGEST_PIECE:
            return _Folder(f"{self.piece}/{name}", self.above)
        return _Folder(name, (*self.above, self.piece))

    @contextlib.contextmanager
    def open(self) -> Iterator[int]:
        with contextlib.ExitStack() as opened:
            here = None
            for piece in (*self.above, self.piece):
                here = os.open(piece, _DIRECTORY, dir_fd=here)
                opened.callback(os.close, here)
            assert here is not None
            yield here


def unlinked_size(root: Path, pids: Iterable[int]) -> int:
    """Return how many bytes are held by files that have no name any more, but are in use.

    Only those on the disk of `root` count: those in memory are bounded by their file system.
    """
    device = root.stat().st_dev
    held: dict[int, int] = {}
    for pid in pids:
        held.update(_mapped_sizes(pid, device))
        held.update(_deleted_file_sizes(pid, device))
    return sum(held.values())


def _deleted_file_sizes(pid: int, device: int) -> dict[int, int]:
    """Return the size of each deleted file that a process has open, by its inode."""
    sizes = {}
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                file = entry.stat()
                if file.st_nlink == 0 and file.st_dev == device and stat.S_ISREG(file.st_mode):
                    sizes[file.st_ino] = file.st_blocks * 512
    return sizes


def _mapped_sizes(pid: int, device: int) -> dict[int, int]:
    """Return how much a process has mapped of each deleted file, by its inode."""
    sizes: dict[int, int] = {}
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/maps").open("rb") as lines:
        for line in lines:
            if line.endswith(b" (deleted)\n"):
                addresses, _, _, numbers, inode = line.split(maxsplit=5)[:5]
                major, minor = (int(number, 16) for number in numbers.split(b":"))
                if os.makedev(major, minor) == device:
                    start, end = (int(address, 16) for address in addresses.split(b"-"))
                    sizes[int(inode)] = sizes.get(int(inode), 0) + end - start
    return sizes
