"""A real sandbox for tests: real bubblewrap, real processes, as the runner makes it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from chalicelib.runner.sandbox import job_users, processes
from chalicelib.runner.sandbox.capabilities import RunnerAbilities, probe_sandbox, probe_workspace
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.programs import ProgramStart, RunningProgram
from chalicelib.runner.sandbox.workspace import JobDirectory


@dataclass(frozen=True)
class Script:
    """A script that was started, with what it prints."""

    program: RunningProgram
    output: IO[bytes]

    def finish(self, seconds: float) -> tuple[int, str]:
        """Return exit status and the rest of the output, up to the end of all that may print."""
        code = self.program.wait(seconds)
        with self.output:
            return code, self.output.read().decode().strip()


@dataclass(frozen=True)
class Inside:
    """Programs of one job, in its sandbox."""

    place: JobDirectory

    def start(self, script: str, *, cwd: Path | None = None, **variables: str) -> Script:
        environment = {"HOME": str(self.place.home_path), "PATH": os.environ["PATH"], **variables}
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb")
        try:
            with Path(os.devnull).open("rb") as stdin, os.fdopen(writing, "wb") as stream:
                start = ProgramStart(
                    argv=("bash", "-c", script),
                    cwd=cwd or self.place.home_path,
                    environment=environment,
                    stdin=stdin,
                    stdout=stream,
                    stderr=stream,
                )
                return Script(self.place.confinement.start_program(start), output)
        except BaseException:
            output.close()
            raise

    def run(self, script: str, **variables: str) -> tuple[int, str]:
        """Return exit status and output of a script."""
        return self.start(script, **variables).finish(30)


@pytest.fixture
def job_user() -> Iterator[JobUser | None]:
    with job_users.lease_user() as (user, _):
        yield user


@pytest.fixture
def jobs(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which the jobs' directories are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp / "jobs"))
    return tmp / "jobs"


@pytest.fixture
def abilities(jobs: Path, tmp: Path, job_user: JobUser | None) -> RunnerAbilities:
    probed = probe_sandbox("auto", [str(tmp)], job_user)
    if probed.bubblewrap is None:
        pytest.skip(f"NO SANDBOX ON THIS MACHINE: {probed.reason}")
    return probed


@pytest.fixture
def inside(abilities: RunnerAbilities, job_user: JobUser | None) -> Iterator[Inside]:
    with probe_workspace(abilities, job_user) as place:
        yield Inside(place)
        processes.end_descendants()
