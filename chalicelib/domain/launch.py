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
PREFIX = "optio_run_"
_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{32}})\.(\d{{1,6}})\.([0-9a-f]{{32}})\.([0-9a-f]{{64}})")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A build asked for: `id` makes asking twice the same; `build` is its name once it is there."""

    id: str
    at: datetime
    build: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The right to claim one attempt of one run, and to speak for it then. Stored nowhere."""

    run_id: str
    attempt: int
    launch_id: str

    @property
    def text(self) -> str:
        run, launch = uuid.UUID(self.run_id).hex, uuid.UUID(self.launch_id).hex
        return f"{PREFIX}{run}.{self.attempt}.{launch}"


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
    run, attempt, launch, signature = match.groups()
    said = Pass(run_id=str(uuid.UUID(run)), attempt=int(attempt), launch_id=str(uuid.UUID(launch)))
    return said, signature
