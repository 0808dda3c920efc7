"""A build that is started for one run, and the pass that lets it do that run's job alone."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

CODEBUILD = "codebuild"
SELF_HOSTED = "self-hosted"
RUNNERS = (CODEBUILD, SELF_HOSTED)

QUEUED_FOR = timedelta(minutes=30)
"""How long a build may wait for a machine, as its project says."""
PASS_LIVES = QUEUED_FOR + timedelta(minutes=10)
"""How long a pass may claim; what was claimed is worked on for as long as it takes."""
PREFIX, JOB_PREFIX = "optio_run_", "optio_job_"
"""Of the pass that claims a job, and of the token that speaks for it after the claim."""
_FORM = re.compile(
    rf"({PREFIX}|{JOB_PREFIX})([0-9a-f]{{32}})\.(\d{{1,6}})\.([0-9a-f]{{32}})\.([0-9a-f]{{64}})"
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A build asked for: `id` makes asking twice the same; `build` is its name once it is there.

    `exchanged` says that its pass was given up for a token at the claim.
    """

    id: str
    at: datetime
    build: str | None = None
    exchanged: bool = False


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The right to claim one attempt of one run, or to speak for it. Stored nowhere.

    The pass that claims is a plain variable of its build, which more people may read than may have
    what the job has. So it is exchanged at the claim for a token that only the build is told.
    """

    run_id: str
    attempt: int
    launch_id: str
    speaks: bool = False

    @property
    def text(self) -> str:
        run, launch = uuid.UUID(self.run_id).hex, uuid.UUID(self.launch_id).hex
        prefix = JOB_PREFIX if self.speaks else PREFIX
        return f"{prefix}{run}.{self.attempt}.{launch}"


@dataclass(frozen=True, kw_only=True)
class BuildEnd:
    """How a build ended, and what it was started for."""

    build: str
    status: str
    message: str = ""
    run_id: str = ""
    launch_id: str = ""
    never_began: bool = False

    @property
    def words(self) -> str:
        return f"the build ended ({self.status})" + (f": {self.message}" if self.message else "")


def parse_pass(token: str) -> tuple[Pass, str] | None:
    """Return what a token says, and its signature that has to be checked; None for another kind."""
    match = _FORM.fullmatch(token)
    if match is None:
        return None
    prefix, run, attempt, launch, signature = match.groups()
    said = Pass(
        run_id=str(uuid.UUID(run)),
        attempt=int(attempt),
        launch_id=str(uuid.UUID(launch)),
        speaks=prefix == JOB_PREFIX,
    )
    return said, signature
