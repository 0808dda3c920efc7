"""The directory of one job, and the environment in which its programs run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.runner.order import Order

_PREFIX = "optio-job-"


@dataclass(frozen=True)
class Place:
    """Everything that a job writes lies below one directory."""

    root: Path

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def prompt(self) -> Path:
        return self.root / "prompt.md"

    def prepare(self, order: Order) -> None:
        for name in ("home", "tmp", "output"):
            (self.root / name).mkdir()
        if order.repo is None:
            self.workspace.mkdir()
        self.prompt.write_text(order.prompt, encoding="utf-8", errors="replace")

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
        }
        if order.repo is None:
            ours["OPTIO_OUTPUT"] = str(self.root / "output")
        return {**given, **order.environment, **order.secrets, **ours}


def path() -> str:
    return os.environ.get("PATH", os.defpath)


def new_root() -> tuple[Path, int]:
    """Return a new directory and the open lock that tells others it is in use."""
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(root / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return root, lock


def remove(root: Path) -> None:
    """Remove a directory, also where somebody took the rights to do so."""

    def allow(act: Callable[[str], object], name: str, _: object) -> None:
        with contextlib.suppress(OSError):
            for each in (Path(name).parent, Path(name)):
                if not each.is_symlink() and each.is_dir():
                    each.chmod(stat.S_IRWXU)
            if Path(name).is_dir() and not Path(name).is_symlink():
                shutil.rmtree(name, ignore_errors=True)
            else:
                act(name)

    for _ in range(3):
        shutil.rmtree(root, onerror=allow)
        if not root.exists():
            return


def remove_stale() -> None:
    """Remove what runners left that were killed together with their jobs."""
    for root in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (root / ".lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(root)
