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

from chalicelib.runner import directories
from chalicelib.runner.sandbox import Confinement, SandboxError, Start, Unconfined
from chalicelib.runner.users import User

PROGRAMS = ("claude", "codex", "gemini", "opencode", "copilot")
_SECONDS = 30
NOTHING = subprocess.DEVNULL


@dataclass
class Tools:
    """The agents' programs that a runner found."""

    directory: Path | None = None
    lock: int | None = None
    unusable: dict[str, str] = field(default_factory=dict)

    def path(self) -> str:
        """Return the `PATH` of jobs: the copies first."""
        ours = [str(self.directory / "bin")] if self.directory else []
        return os.pathsep.join([*ours, os.environ.get("PATH", os.defpath)])

    def remove(self) -> None:
        if self.directory and self.lock is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            os.close(self.lock)
            self.lock = None


Try = Callable[[str, Tools], str]
"""Runs a program's `--version` as a job would; returns why that fails, or nothing."""


def found(
    user: User | None, programs: tuple[str, ...] = PROGRAMS, refusal: Try | None = None
) -> Tools:
    """Try each program as a job would; copy unreadable ones, and report those that stay unusable.

    The user must be reserved: another job that takes it would end all its processes.
    """
    tools = Tools()
    if refusal is None:
        if user is None:
            return tools
        refusal = refusal_of(user)
    for name in programs:
        program = shutil.which(name)
        if program is None or not (reason := refusal(program, tools)):
            continue
        if user is None or not _closed(Path(program).resolve(), user):
            tools.unusable[name] = reason
            continue
        try:
            copy = _copied(tools, name, Path(program).resolve(), user)
            reason = refusal(str(copy), tools)
        except OSError as error:
            reason = f"it cannot be copied: {error}"
        if reason:
            tools.unusable[name] = (
                f"{program} is closed to the jobs' user, and a copy fails: {reason}"
            )
    return tools


def refusal_of(user: User) -> Try:
    """Return a way to try programs as `user`, without a sandbox."""

    def refusal(program: str, tools: Tools) -> str:
        home, lock = directories.new_root(directories.TOOLS_PREFIX)
        user.own(home)
        try:
            return ask_version(program, tools, Unconfined(user), home)
        finally:
            user.end_processes()
            directories.remove(home)
            os.close(lock)

    return refusal


def ask_version(program: str, tools: Tools, confinement: Confinement, home: Path) -> str:
    """Return why `program --version` does not work there, or nothing."""
    environment = {"PATH": tools.path(), "HOME": str(home), "TMPDIR": str(home)}
    try:
        process = confinement.start(
            Start(
                argv=(program, "--version"),
                cwd=home,
                environment={**environment, "LANG": "C.UTF-8", "CI": "true"},
                stdin=NOTHING,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    except (OSError, SandboxError) as error:
        return f"{program}: {getattr(error, 'strerror', None) or error}"
    with process:
        try:
            out, err = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"`{program} --version` did not end within {_SECONDS} seconds"
    words = (err or out).decode(errors="replace").strip()[-300:]
    return (
        f"`{program} --version` exited {process.returncode}: {words}" if process.returncode else ""
    )


def _closed(path: Path, user: User) -> bool:
    """Return whether `user` cannot read `path`, or its interpreter."""
    interpreter = _interpreter(path)
    names = [str(path), *([str(interpreter)] if interpreter else [])]
    return not _readable(names, user)


def _readable(names: list[str], user: User) -> bool:
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


def _copied(tools: Tools, name: str, program: Path, user: User) -> Path:
    """Return the copy of `program`: with its npm package and interpreter, where it has them."""
    if tools.directory is None:
        tools.directory, tools.lock = directories.new_root(directories.TOOLS_PREFIX)
        tools.directory.chmod(0o755)
        (tools.directory / "bin").mkdir(mode=0o755)
    package = _package(program)
    target = tools.directory / name
    if _readable([str(program)], user):
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
        _open(target)
    link = tools.directory / "bin" / name
    link.symlink_to(copy)
    interpreter = _interpreter(program)
    if interpreter and _closed(interpreter, user):
        beside = tools.directory / "bin" / interpreter.name
        if not beside.exists():
            shutil.copy2(interpreter, beside)
            beside.chmod(0o755)
    return link


def _package(program: Path) -> Path | None:
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


def _interpreter(program: Path) -> Path | None:
    """Return what the first line of a script names; `env` looks for it in the `PATH`."""
    with contextlib.suppress(OSError), program.open("rb") as stream:
        line = stream.readline(256)
        if line.startswith(b"#!"):
            words = line[2:].decode(errors="replace").split()
            if words and Path(words[0]).name == "env":
                words = [word for word in words[1:] if not word.startswith("-")]
            named = shutil.which(words[0]) if words else None
            return Path(named).resolve() if named else None
    return None


def _open(directory: Path) -> None:
    """Make all files below `directory` world-readable, and writable by root only."""
    for root, folders, files in os.walk(directory):
        for name in [*folders, *files]:
            each = Path(root, name)
            if not each.is_symlink():
                runs = each.is_dir() or each.stat().st_mode & 0o111
                each.chmod(0o755 if runs else 0o644)
    directory.chmod(0o755)
