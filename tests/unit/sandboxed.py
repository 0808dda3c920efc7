"""A real sandbox for tests: real bubblewrap, real processes, as the runner makes it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.runner import processes, users
from chalicelib.runner.abilities import Abilities, probe_sandbox, trial_place
from chalicelib.runner.place import Place
from chalicelib.runner.sandbox import Start
from chalicelib.runner.users import User


@dataclass(frozen=True)
class Inside:
    """Programs of one job, in its sandbox."""

    place: Place

    def start(self, script: str, *, cwd: Path | None = None, **variables: str) -> subprocess.Popen:
        environment = {"HOME": str(self.place.home), "PATH": os.environ["PATH"], **variables}
        return self.place.confinement.start(
            Start(
                argv=("bash", "-c", script),
                cwd=cwd or self.place.home,
                environment=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )

    def run(self, script: str, **variables: str) -> tuple[int, str]:
        """Return exit status and output of a script."""
        with self.start(script, **variables) as process:
            out, _ = process.communicate(timeout=30)
        return process.returncode, out.decode().strip()


@pytest.fixture
def job_user() -> Iterator[User | None]:
    with users.taken() as (user, _):
        yield user


@pytest.fixture
def jobs(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which the jobs' directories are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp / "jobs"))
    return tmp / "jobs"


@pytest.fixture
def abilities(jobs: Path, tmp: Path, job_user: User | None) -> Abilities:
    probed = probe_sandbox("auto", [str(tmp)], job_user)
    if probed.bubblewrap is None:
        pytest.skip(f"NO SANDBOX ON THIS MACHINE: {probed.reason}")
    return probed


@pytest.fixture
def inside(abilities: Abilities, job_user: User | None) -> Iterator[Inside]:
    with trial_place(abilities, job_user) as place:
        yield Inside(place)
        processes.end_descendants()
