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

from chalicelib.runner import directories, mounts, place, tools
from chalicelib.runner.mounts import View
from chalicelib.runner.place import Place
from chalicelib.runner.sandbox import SandboxError, Start, find_bubblewrap
from chalicelib.runner.users import User

SANDBOX_CHOICES = ("auto", "off", "required")
_CODE = Path(__file__).resolve().parents[2]
_TURNED_OFF = "turned off by --sandbox off"
_NOT_FOUND = "bubblewrap is not installed: no bwrap in the PATH"


class NoSandbox(Exception):
    """A sandbox is required, and this runner has none."""


@dataclass(frozen=True)
class Abilities:
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

    def with_programs(self, found: tools.Tools) -> Abilities:
        """Return the same with the copies of programs in the jobs' view."""
        if found.directory is None:
            return self
        programs = (*self.view.programs, str(found.directory))
        return replace(self, view=replace(self.view, programs=programs))


def probe_sandbox(choice: str, exposed: Iterable[str], user: User | None) -> Abilities:
    """Start a trivial program in a real sandbox; raise `NoSandbox` where one is required."""
    if choice == "off":
        return Abilities(reason=_TURNED_OFF)
    view = find_view(exposed)
    reasons = []
    for bubblewrap in find_bubblewrap():
        abilities = Abilities(bubblewrap, None, view)
        if not (reason := _try(abilities, user)):
            return abilities
        reasons.append(f"{bubblewrap}: {reason}")
    reason = "; ".join(reasons)[:500] or _NOT_FOUND
    if choice == "required":
        raise NoSandbox(f"--sandbox required, but no sandbox can be made: {reason}")
    return Abilities(reason=reason)


def find_view(exposed: Iterable[str]) -> View:
    """Return what jobs see of this machine beside the system, and what is hidden from them."""
    environment = Path(sys.prefix)
    skipped = [str(environment)] if sys.prefix != sys.base_prefix else []
    homes = {Path.home(), Path(_home_of_account())}
    hidden = {str(path) for path in (*homes, _CODE, Path("/etc/optio"), environment)}
    hidden.add(tempfile.gettempdir())
    programs = mounts.program_mounts(place.path(), skipped, tools.PROGRAMS)
    return View(programs, tuple(exposed), tuple(sorted(hidden)))


def _home_of_account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


@contextlib.contextmanager
def trial_place(abilities: Abilities, user: User | None) -> Iterator[Place]:
    """Yield a place with a sandbox for a short program of the runner."""
    assert abilities.bubblewrap is not None
    root, lock = directories.new_root()
    there = Place.in_sandbox(root, abilities.bubblewrap, abilities.view, user)
    try:
        there.make_folders()
        yield there
    finally:
        there.confinement.close()
        directories.remove(root)
        os.close(lock)


def _try(abilities: Abilities, user: User | None) -> str:
    """Return why no program runs in a sandbox, or nothing."""
    try:
        with trial_place(abilities, user) as there:
            program = there.confinement.start(
                Start(
                    argv=("/bin/sh", "-c", 'test -w "$HOME" && test -w /tmp && test -d /proc/1'),
                    cwd=there.home,
                    environment={"HOME": str(there.home), "PATH": os.defpath},
                    stdin=tools.NOTHING,
                    stdout=tools.NOTHING,
                    stderr=tools.NOTHING,
                )
            )
            code = program.wait()
    except (SandboxError, OSError) as error:
        return str(error)
    return f"a program in it exits {code}" if code else ""
