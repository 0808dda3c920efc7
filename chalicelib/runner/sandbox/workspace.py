"""The directory of one job, and the environment in which its programs run."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_spec import CommitIdentity, JobSpec
from chalicelib.runner.sandbox import user_database
from chalicelib.runner.sandbox.directories import remove_directory
from chalicelib.runner.sandbox.job_users import ROOT_USER, JobUser, NoUser, lease_user
from chalicelib.runner.sandbox.mounts import JobFolders, View
from chalicelib.runner.sandbox.namespaces import Confinement, Sandbox, Unconfined
from chalicelib.runner.sandbox.programs import run_briefly
from chalicelib.runner.sandbox.setup_files import SetupFiles, make_setup_files, read_setup_files

_SEARCH = 'command -v -- "$1" > /dev/null'


@dataclass(frozen=True)
class JobDirectory:
    """The directory of all files that a job writes, at the same path in its sandbox."""

    root: Path
    confinement: Confinement = field(default_factory=Unconfined)
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Why programs of agents cannot be run here, by their names."""
    toolchain_variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that toolchains of the image need beside the `PATH`."""

    @classmethod
    def from_json(cls, message: Mapping[str, Any]) -> JobDirectory:
        """Return the place that the runner gives to a job's process."""
        user = None if message.get("user") is None else JobUser(message["user"])
        root, sandbox = Path(message["directory"]), message.get("sandbox")
        place = (
            cls.in_sandbox(root, sandbox["bubblewrap"], View.from_json(sandbox["view"]), user)
            if sandbox
            else cls(root, Unconfined(user))
        )
        return replace(
            place,
            unusable=message.get("unusable") or {},
            toolchain_variables=message.get("toolchainVariables") or {},
        )

    @classmethod
    def in_sandbox(
        cls, root: Path, bubblewrap: str, view: View, user: JobUser | None
    ) -> JobDirectory:
        """Return a place whose programs run in a sandbox of their own."""
        names = ("tmp", "var-tmp", "accounts", "runner")
        folders = JobFolders(root, *(root / name for name in names))
        return cls(root, Sandbox(bubblewrap, folders, view, user))

    @property
    def job_user(self) -> JobUser | None:
        """The job's user, where that is another than the runner's."""
        return self.confinement.job_user

    @property
    def workspace_path(self) -> Path:
        return self.root / "workspace"

    @property
    def home_path(self) -> Path:
        return self.root / "home"

    @property
    def output_path(self) -> Path:
        return self.root / "output"

    @property
    def setup_files(self) -> Path:
        return self.root / "setup"

    @property
    def runner_path(self) -> Path:
        """The directory of the runner, which is empty in the job's sandbox."""
        return self.root / "runner"

    @property
    def prompt_path(self) -> Path:
        return self.root / "prompt.md"

    def prepare_job(self, order: JobSpec) -> None:
        """Make the job's directories and its prompt."""
        self.make_folders()
        if order.repo is None:
            self._make_folder("workspace")
        else:
            make_setup_files(self.setup_files, self.job_user.number if self.job_user else None)
        identity = order.repo.identity if order.repo else CommitIdentity()
        self.leave_file(".gitconfig", identity.to_git_config())
        self.prompt_path.write_text(order.prompt, encoding="utf-8", errors="replace")
        if self.job_user:
            os.chown(self.prompt_path, 0, self.job_user.number)
            self.prompt_path.chmod(0o640)

    def make_folders(self) -> None:
        """Make the directories that every program of the job needs."""
        if self.job_user:
            os.chown(self.root, 0, self.job_user.number)
            self.root.chmod(0o710)
        self.runner_path.mkdir(mode=0o700)
        for name in ("home", "output"):
            self._make_folder(name)
        for name in ("tmp", "var-tmp"):
            self._make_folder(name, 0o1777)
        user_database.write_accounts(self.root / "accounts", self.home_path, self.job_user)

    def _make_folder(self, name: str, mode: int = 0o700) -> None:
        (self.root / name).mkdir()
        (self.root / name).chmod(mode)
        self.give_to_user(self.root / name)

    def give_to_user(self, path: Path) -> None:
        """Let the job's user own `search_path` and all below it; before it has a process."""
        if self.job_user:
            self.job_user.give_ownership(path)

    def take_back(self, path: Path) -> None:
        """Own what the job's user had; after its last process has ended."""
        if self.job_user:
            ROOT_USER.give_ownership(path)

    def leave_file(self, name: str, content: str) -> None:
        """Write a file below the job's home, unless there is one; follow no link."""
        *folders, last = Path(name).parts
        here = os.open(self.home_path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
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
                    if self.job_user:
                        os.fchown(target, self.job_user.number, self.job_user.number)
        except OSError as error:
            reason = f"setup left no place for the agent's settings ~/{name}: {error.strerror}"
            raise JobFailed(ErrorClass.SETUP, reason) from error
        finally:
            os.close(here)

    def _own_entry(self, name: str, where: int) -> None:
        if self.job_user:
            number = self.job_user.number
            os.chown(name, number, number, dir_fd=where, follow_symlinks=False)

    def make_private(self) -> Path:
        """Return a new directory that no program of the job has seen."""
        return Path(tempfile.mkdtemp(dir=self.runner_path))

    def locate_shared(self, directory: Path) -> Path:
        """Return where a private directory has to be moved for the job's programs to see it."""
        return self.root / f"shared-{directory.name}"

    def take_setup_files(self, order: JobSpec) -> SetupFiles:
        """Return what setup has left for the agent, and remove it."""
        owner = self.job_user.number if self.job_user else os.geteuid()
        try:
            return read_setup_files(self.setup_files, owner, order.secrets)
        finally:
            remove_directory(self.setup_files)

    def has_program(self, name: str, search_path: str) -> bool:
        """Return whether the job's programs find `name`."""
        if not self.confinement.is_sandbox:
            return shutil.which(name, path=search_path) is not None
        search = ("/bin/sh", "-c", _SEARCH, "sh", name)
        start = self.confinement.start_program
        return run_briefly(start, search, Path("/"), {"PATH": search_path}).code == 0

    def job_environment(self, order: JobSpec) -> dict[str, str]:
        """Return what setup and agent see: of the runner's own the PATH and what it needs."""
        name = user_database.user_name(self.job_user)
        defaults = {
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CI": "true",
            "PATH": "$HOME/.local/bin:$PATH",
            "USER": name,
            "LOGNAME": name,
        }
        fixed = {
            "HOME": str(self.home_path),
            "TMPDIR": "/tmp" if self.confinement.is_sandbox else str(self.root / "tmp"),
            "OPTIO_TASK_ID": order.run_id,
            "OPTIO_PROMPT_FILE": str(self.prompt_path),
            "OPTIO_OUTPUT": str(self.output_path),
        }
        merged = {
            **defaults,
            **self.toolchain_variables,
            **order.environment,
            **order.secrets,
            **fixed,
        }
        search_path = self._expand_path(merged["PATH"])
        return {**merged, "PATH": os.pathsep.join([*order.path_entries, search_path])}

    def _expand_path(self, text: str) -> str:
        """Return a `PATH` in which the runner's own and the job's home are filled in."""
        values = {"HOME": str(self.home_path), "PATH": search_path()}
        return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


_VARIABLE = re.compile(r"\$(?:(HOME|PATH)\b|\{(HOME|PATH)\})")


def search_path() -> str:
    return os.environ.get("PATH", os.defpath)


def base_directory() -> Path:
    """Return where jobs may lie: the temporary directory, or one that is open to their user."""
    temporary = Path(tempfile.gettempdir())
    with lease_user() as (user, _):
        if user is None:
            return temporary
        for directory in (temporary, Path("/var/tmp"), Path("/var/lib")):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                entered = (
                    user.run_program("/bin/sh", "-c", 'cd "$1"', "sh", str(directory)).returncode
                    == 0
                )
                if entered and os.access(directory, os.W_OK):
                    return directory
    raise NoUser(f"{temporary} is closed to other users: set TMPDIR to a directory that is not")
