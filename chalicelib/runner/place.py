"""The directory of one job, and the environment in which its programs run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.runner.errors import Failure
from chalicelib.runner.order import Order
from chalicelib.runner.users import ROOT, NoUser, User, taken

_PREFIX = "optio-job-"


@dataclass(frozen=True)
class Place:
    """Everything that a job writes lies below one directory."""

    root: Path
    user: User | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Place:
        """Return the place that the runner gives to a job's process."""
        user = None if given.get("user") is None else User(given["user"])
        return cls(Path(given["directory"]), user, given.get("unusable") or {})

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def prompt(self) -> Path:
        return self.root / "prompt.md"

    def prepare(self, order: Order) -> None:
        folders = ["home", "tmp", "output", *(["workspace"] if order.repo is None else [])]
        for name in folders:
            (self.root / name).mkdir(mode=0o700)
            self.give(self.root / name)
        self.prompt.write_text(order.prompt, encoding="utf-8", errors="replace")
        if self.user:
            os.chown(self.root, 0, self.user.number)
            self.root.chmod(0o710)
            os.chown(self.prompt, 0, self.user.number)
            self.prompt.chmod(0o640)

    def give(self, path: Path) -> None:
        """Let the job's user own `path` and all below it; before it has a process."""
        if self.user:
            self.user.own(path)

    def take(self, path: Path) -> None:
        """Own what the job's user had; after its last process has ended."""
        if self.user:
            ROOT.own(path)

    def leave(self, name: str, content: str) -> None:
        """Write a file below the job's home, unless there is one; through no link of anybody."""
        *folders, last = Path(name).parts
        here = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for folder in folders:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o700, dir_fd=here)
                    self._own_entry(folder, here)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                here, above = os.open(folder, flags, dir_fd=here), here
                os.close(above)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with contextlib.suppress(FileExistsError):
                target = os.open(last, flags, 0o600, dir_fd=here)
                with os.fdopen(target, "w", encoding="utf-8") as stream:
                    stream.write(content)
                    if self.user:
                        os.fchown(target, self.user.number, self.user.number)
        except OSError as error:
            reason = f"setup left no place for the agent's settings ~/{name}: {error.strerror}"
            raise Failure("setup", reason) from error
        finally:
            os.close(here)

    def _own_entry(self, name: str, where: int) -> None:
        if self.user:
            number = self.user.number
            os.chown(name, number, number, dir_fd=where, follow_symlinks=False)

    def private(self) -> Path:
        """Return a new directory that no program of the job has seen."""
        return Path(tempfile.mkdtemp(prefix="runner-", dir=self.root))

    def environment(self, order: Order) -> dict[str, str]:
        """Return what setup and agent see: nothing of the runner's own but its PATH."""
        given = {"LANG": "C.UTF-8", "TERM": "dumb", "CI": "true", "PATH": path()}
        ours = {
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "OPTIO_TASK_ID": order.run_id,
            "OPTIO_PROMPT_FILE": str(self.prompt),
            "OPTIO_OUTPUT": str(self.output),
        }
        return {**given, **order.environment, **order.secrets, **ours}


def path() -> str:
    return os.environ.get("PATH", os.defpath)


def base() -> Path:
    """Return where jobs may lie: the temporary directory, or one that is open to their user."""
    given = Path(tempfile.gettempdir())
    with taken() as (user, _):
        if user is None:
            return given
        for directory in (given, Path("/var/tmp"), Path("/var/lib")):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                entered = user.run("/bin/sh", "-c", 'cd "$1"', "sh", str(directory)).returncode == 0
                if entered and os.access(directory, os.W_OK):
                    return directory
    raise NoUser(f"{given} is closed to other users: set TMPDIR to a directory that is not")


def new_root() -> tuple[Path, int]:
    """Return a new directory and the open lock that tells others it is in use."""
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(root / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return root, lock


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
    """Remove what runners left that were killed together with their jobs."""
    for root in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (root / ".lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(root)
