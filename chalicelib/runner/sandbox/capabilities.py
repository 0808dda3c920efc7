"""Finds out what this runner can give its jobs: a sandbox, or the reason why it has none."""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.runner.sandbox import agent_programs, directories, mounts, workspace
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.mounts import View
from chalicelib.runner.sandbox.namespaces import find_bubblewrap
from chalicelib.runner.sandbox.programs import SandboxError, run_briefly
from chalicelib.runner.sandbox.workspace import JobDirectory

SANDBOX_CHOICES = ("auto", "off", "required")
_CODE = Path(__file__).resolve().parents[3]
_TURNED_OFF = "turned off by --sandbox off"
_NOT_FOUND = "bubblewrap is not installed: no bwrap in the PATH"


class NoSandbox(Exception):
    """A sandbox is required, and this runner has none."""


@dataclass(frozen=True)
class RunnerAbilities:
    """The sandbox that a runner can give to its jobs."""

    bubblewrap: str | None = None
    reason: str | None = None
    view: View = field(default_factory=View)

    def to_claim(self) -> dict[str, object]:
        """Return what the runner reports when it claims."""
        return {"sandbox": self.bubblewrap is not None, "reason": self.reason}

    def to_job(self) -> dict[str, Any] | None:
        """Return what the process of a job has to know."""
        if self.bubblewrap is None:
            return None
        return {"bubblewrap": self.bubblewrap, "view": self.view.to_json()}

    def with_programs(self, tools: agent_programs.AgentTools) -> RunnerAbilities:
        """Return the same with the copies of programs in the jobs' view."""
        if tools.directory is None:
            return self
        programs = (*self.view.programs, str(tools.directory))
        return replace(self, view=replace(self.view, programs=programs))


def probe_sandbox(choice: str, exposed: Iterable[str], user: JobUser | None) -> RunnerAbilities:
    """Start a trivial program in a real sandbox; raise `NoSandbox` where one is required."""
    if choice == "off":
        return RunnerAbilities(reason=_TURNED_OFF)
    view = find_view(exposed)
    reasons = []
    for bubblewrap in find_bubblewrap():
        abilities = RunnerAbilities(bubblewrap, None, view)
        if not (reason := _why_unusable(abilities, user)):
            return abilities
        reasons.append(f"{bubblewrap}: {reason}")
    reason = "; ".join(reasons)[:500] or _NOT_FOUND
    if choice == "required":
        raise NoSandbox(f"--sandbox required, but no sandbox can be made: {reason}")
    return RunnerAbilities(reason=reason)


def find_view(exposed: Iterable[str]) -> View:
    """Return what jobs see of this machine beside the system, and what is hidden from them."""
    environment = Path(sys.prefix)
    skipped = [str(environment)] if sys.prefix != sys.base_prefix else []
    homes = {Path.home(), Path(_home_of_account())}
    hidden = {str(path) for path in (*homes, _CODE, Path("/etc/optio"), environment)}
    hidden.add(tempfile.gettempdir())
    programs = mounts.program_mounts(
        workspace.search_path(), skipped, agent_programs.AGENT_PROGRAMS.values()
    )
    return View(programs, tuple(exposed), tuple(sorted(hidden)))


def _home_of_account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


@contextlib.contextmanager
def probe_workspace(abilities: RunnerAbilities, user: JobUser | None) -> Iterator[JobDirectory]:
    """Yield a place with a sandbox for a short program of the runner."""
    assert abilities.bubblewrap is not None
    root, lock = directories.make_root()
    job_directory = JobDirectory.in_sandbox(root, abilities.bubblewrap, abilities.view, user)
    try:
        job_directory.make_folders()
        yield job_directory
    finally:
        job_directory.confinement.end_all()
        directories.remove_directory(root)
        os.close(lock)


def _why_unusable(abilities: RunnerAbilities, user: JobUser | None) -> str:
    """Return why no program runs in a sandbox, or nothing."""
    try:
        with probe_workspace(abilities, user) as job_directory:
            home = job_directory.home_path
            test = ("/bin/sh", "-c", 'test -w "$HOME" && test -w /tmp && test -d /proc/1')
            environment = {"HOME": str(home), "PATH": os.defpath}
            start = job_directory.confinement.start_program
            code = run_briefly(start, test, home, environment).code
    except (SandboxError, OSError) as error:
        return str(error)
    return f"a program in it exits {code}" if code else ""
