"""The agents' programs, where the jobs' user can run them.

A sandbox has the programs of the runner's `PATH` mounted. Without one, a program under a closed
home, or one that is installed for root alone, cannot be run by others. It is copied, with all its
parts, to a world-readable directory that only root may write.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.runner.sandbox import directories
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.namespaces import Confinement, Unconfined
from chalicelib.runner.sandbox.programs import SandboxError, run_briefly

AGENT_PROGRAMS = {
    "claude-code": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "copilot": "copilot",
}
"""The name of the program of each agent type that has one."""
_SECONDS = 30


@dataclass
class AgentTools:
    """The agents' programs that a runner found."""

    directory: Path | None = None
    lock: int | None = None
    unusable: dict[str, str] = field(default_factory=dict)

    def search_path(self) -> str:
        """Return the `PATH` of jobs: the copies first."""
        ours = [str(self.directory / "bin")] if self.directory else []
        return os.pathsep.join([*ours, os.environ.get("PATH", os.defpath)])

    def make_directory(self) -> Path:
        """Return the directory of our programs, whose `bin` is first in the `PATH` of jobs."""
        if self.directory is None:
            self.directory, self.lock = directories.make_root(directories.TOOLS_PREFIX)
            self.directory.chmod(0o755)
            (self.directory / "bin").mkdir(mode=0o755)
        return self.directory

    def open_to_jobs(self) -> None:
        """Make all our programs world-readable, and writable by root only."""
        if self.directory:
            _open_to_all(self.directory)

    def remove_copies(self) -> None:
        if self.directory and self.lock is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            os.close(self.lock)
            self.lock = None


ProgramTest = Callable[[str, AgentTools], str]
"""Runs a program's `--version` as a job would; returns why that fails, or nothing."""


def find_programs(
    user: JobUser | None,
    programs: tuple[str, ...] = tuple(AGENT_PROGRAMS.values()),
    refusal: ProgramTest | None = None,
    tools: AgentTools | None = None,
) -> AgentTools:
    """Try each program as a job would; copy unreadable ones, and report those that stay unusable.

    The user must be reserved: another job that takes it would end all its processes. `tools` may
    have programs already, which are tried as well.
    """
    tools = tools or AgentTools()
    if refusal is None:
        if user is None:
            return tools
        refusal = make_program_test(user)
    for name in programs:
        program = shutil.which(name, path=tools.search_path())
        if program is None or not (reason := refusal(program, tools)):
            continue
        if user is None or not _is_closed_to(Path(program).resolve(), user):
            tools.unusable[name] = reason
            continue
        try:
            copy = _copy_program(tools, name, Path(program).resolve(), user)
            reason = refusal(str(copy), tools)
        except OSError as error:
            reason = f"it cannot be copied: {error}"
        if reason:
            tools.unusable[name] = (
                f"{program} is closed to the jobs' user, and a copy fails: {reason}"
            )
    return tools


def make_program_test(user: JobUser) -> ProgramTest:
    """Return a way to try programs as `user`, without a sandbox."""

    def refusal(program: str, tools: AgentTools) -> str:
        home, lock = directories.make_root(directories.TOOLS_PREFIX)
        user.give_ownership(home)
        try:
            return ask_version(program, tools, Unconfined(user), home)
        finally:
            user.end_processes()
            directories.remove_directory(home)
            os.close(lock)

    return refusal


def ask_version(program: str, tools: AgentTools, confinement: Confinement, home: Path) -> str:
    """Return why `program --version` does not work there, or nothing."""
    environment = {"PATH": tools.search_path(), "HOME": str(home), "TMPDIR": str(home)}
    environment |= {"LANG": "C.UTF-8", "CI": "true"}
    command = (program, "--version")
    try:
        ended = run_briefly(confinement.start_program, command, home, environment, _SECONDS)
    except subprocess.TimeoutExpired:
        return f"`{program} --version` did not end within {_SECONDS} seconds"
    except (OSError, SandboxError) as error:
        return f"{program}: {getattr(error, 'strerror', None) or error}"
    output = (ended.err or ended.out).decode(errors="replace").strip()[-300:]
    return f"`{program} --version` exited {ended.code}: {output}" if ended.code else ""


def _is_closed_to(path: Path, user: JobUser) -> bool:
    """Return whether `user` cannot read `search_path`, or its interpreter."""
    interpreter = _interpreter_of(path)
    names = [str(path), *([str(interpreter)] if interpreter else [])]
    return not _is_readable(names, user)


def _is_readable(names: list[str], user: JobUser) -> bool:
    """Return whether `user` can read and run each of these files."""
    check = 'for each; do test -r "$each" && test -x "$each" || exit 1; done'
    done = subprocess.run(
        ("/bin/sh", "-c", check, "sh", *names),
        cwd="/",
        user=user.number,
        group=user.number,
        extra_groups=(),
    )
    return done.returncode == 0


def _copy_program(tools: AgentTools, name: str, program: Path, user: JobUser) -> Path:
    """Return the copy of `program`: with its npm package and interpreter, where it has them."""
    directory = tools.make_directory()
    package = _npm_package(program)
    target = directory / name
    if _is_readable([str(program)], user):
        copy = program  # only its interpreter is closed; what it consists of may lie beside it
    elif package:
        # Under its own name: node looks for what a program needs in folders called node_modules.
        shutil.copytree(package, target / package.name, symlinks=True)
        copy = target / package.name / program.relative_to(package)
    else:
        target.mkdir()
        copy = target / program.name
        shutil.copy2(program, copy)
    if target.exists():
        _open_to_all(target)
    link = directory / "bin" / name
    link.symlink_to(copy)
    interpreter = _interpreter_of(program)
    if interpreter and _is_closed_to(interpreter, user):
        beside = directory / "bin" / interpreter.name
        if not beside.exists():
            shutil.copy2(interpreter, beside)
            beside.chmod(0o755)
    return link


def _npm_package(program: Path) -> Path | None:
    """Return the npm package that `program` belongs to, with its dependencies.

    npm keeps them inside a package that is installed globally, and beside one of a project.
    """
    for parent in program.parents:
        above = parent.parent
        scoped = above.name.startswith("@") and above.parent.name == "node_modules"
        if scoped or (above.name == "node_modules" and not parent.name.startswith("@")):
            modules = above.parent if scoped else above
            return modules if (modules / ".package-lock.json").exists() else parent
    return None


def _interpreter_of(program: Path) -> Path | None:
    """Return what the first line of a script names; `env` looks for it in the `PATH`."""
    with contextlib.suppress(OSError), program.open("rb") as stream:
        line = stream.readline(256)
        if line.startswith(b"#!"):
            arguments = line[2:].decode(errors="replace").split()
            if arguments and Path(arguments[0]).name == "env":
                arguments = [word for word in arguments[1:] if not word.startswith("-")]
            interpreter = shutil.which(arguments[0]) if arguments else None
            return Path(interpreter).resolve() if interpreter else None
    return None


def _open_to_all(directory: Path) -> None:
    """Make all files below `directory` world-readable, and writable by root only."""
    for root, folders, files in os.walk(directory):
        for name in [*folders, *files]:
            each = Path(root, name)
            if not each.is_symlink():
                runs = each.is_dir() or each.stat().st_mode & 0o111
                each.chmod(0o755 if runs else 0o644)
    directory.chmod(0o755)
