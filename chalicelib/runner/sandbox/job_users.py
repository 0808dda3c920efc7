"""The users as whom setup and agent run: numbers of ours that no account of the machine has.

A runner that is root gives each job one of its own, for as long as it holds that number's lock. So
a job can read neither the runner's data (the token, other runners' memory) nor another job's.
A runner that is not root has one user for all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.runner.sandbox.processes import read_status

FIRST_UID, UID_COUNT = 60706, 477
"""Numbers that systemd's table of user ids leaves free, and that a container maps as well."""

_GIVE_UP_SECONDS = 20.0


class NoUser(Exception):
    """This runner is root, and cannot become another user."""


@dataclass(frozen=True)
class JobUser:
    """A number for user and group alike."""

    number: int

    def give_ownership(self, path: Path) -> None:
        """Give away `path` and all below it; only where no process of this user lives yet."""
        os.chown(path, self.number, self.number, follow_symlinks=False)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                each = os.path.join(folder, name)  # noqa: PTH118  a repository may have many
                os.chown(each, self.number, self.number, follow_symlinks=False)

    def run_program(self, *argv: str) -> subprocess.CompletedProcess[bytes]:
        """Run a short program silently as this user, which has to be `lease_user` by the caller."""
        return subprocess.run(
            argv,
            cwd="/",
            user=self.number,
            group=self.number,
            extra_groups=(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end_processes(self) -> bool:
        """End what runs as this user, wherever it hides; return whether nothing is left."""
        until = time.monotonic() + _GIVE_UP_SECONDS
        while living := list(_processes_of(self.number)):
            if time.monotonic() > until:
                return False
            for pid in living:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        return True


ROOT_USER = JobUser(0)


def needs_job_user() -> bool:
    """Return whether jobs have to run as another user."""
    return os.geteuid() == 0


def check_users() -> None:
    """Raise where this runner is root but may not become another user."""
    try:
        with lease_user() as (user, _):
            if user:
                user.run_program("true").check_returncode()
    except (OSError, subprocess.SubprocessError) as error:
        raise NoUser(
            f"this runner is root and cannot run jobs as another user: {error}. Give it the"
            " capabilities SETUID, SETGID, CHOWN, KILL, FOWNER and DAC_OVERRIDE, for sandboxes"
            " SYS_ADMIN and SYS_CHROOT as well, or start it as an ordinary user"
        ) from error


@contextlib.contextmanager
def lease_user() -> Iterator[tuple[JobUser | None, int | None]]:
    """Yield a user reserved by a lock, and the lock; nothing if the runner is not root."""
    if not needs_job_user():
        yield None, None
        return
    for number in range(FIRST_UID, FIRST_UID + UID_COUNT):
        lock = _try_lock(number)
        if lock is None:
            continue
        user = JobUser(number)
        try:
            if user.end_processes():
                yield user, lock
                return
        finally:
            user.end_processes()
            os.close(lock)
    raise NoUser(f"none of the users {FIRST_UID} to {FIRST_UID + UID_COUNT - 1} is free")


def end_stale() -> None:
    """End what jobs left whose runner was killed together with them."""
    if not needs_job_user():
        return
    for number in sorted(set(_processes_of_job_users().values())):
        lock = _try_lock(number)
        if lock is not None:
            JobUser(number).end_processes()
            os.close(lock)


def _try_lock(number: int) -> int | None:
    """Return an open lock on `number`, or nothing where another has it, or an account."""
    with contextlib.suppress(KeyError):
        pwd.getpwuid(number)
        return None
    lock = os.open(
        _lock_directory() / str(number),
        os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW,
        0o600,
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _lock_directory() -> Path:
    """Return the one directory of this machine in which runners lock numbers."""
    for parent in (Path("/run"), Path(tempfile.gettempdir())):
        directory = parent / "optio-runner-users"
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o700, exist_ok=True)
            status = directory.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022:
                return directory
    raise NoUser("no directory for locks: neither /run nor the temporary directory can be used")


def _processes_of(number: int) -> Iterator[int]:
    return (pid for pid, owner in _processes_of_job_users().items() if owner == number)


def _processes_of_job_users() -> dict[int, int]:
    """Return each living process of a user of ours, with that user."""
    owners = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - a path for each process takes long
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = read_status(f"/proc/{name}/status")
                owner = int(status.partition(b"\nUid:")[2].split(maxsplit=1)[0])
                dead = status.partition(b"\nState:")[2].split(maxsplit=1)[0] in (b"Z", b"X")
                if FIRST_UID <= owner < FIRST_UID + UID_COUNT and not dead:
                    owners[int(name)] = owner
    return owners
