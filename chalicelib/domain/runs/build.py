"""CodeBuild builds, each for one run, and the token that authorises it for that run's job."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.ids import RunId
from chalicelib.domain.pool import ComputeType

MAX_QUEUE_TIME = timedelta(minutes=30)
"""The time a build may wait for a machine, as configured in its CodeBuild project."""
CLAIM_TOKEN_LIFETIME = MAX_QUEUE_TIME + timedelta(minutes=10)
"""The time within which a claim token can claim; a claimed job is not limited by it."""
WAITING_FOR_CAPACITY = "a build; the account has no free capacity yet"
"""The beginning of what a run waits for while CodeBuild starts no further build."""
RUN_TOKEN_PREFIX, JOB_TOKEN_PREFIX = "optio_run_", "optio_job_"
"""Prefixes of the token that claims a job, and of the job token that replaces it at the claim."""
_FORM = re.compile(
    rf"({RUN_TOKEN_PREFIX}|{JOB_TOKEN_PREFIX})([0-9a-f]{{32}})\.(\d{{1,6}})\.([0-9a-f]{{32}})\.([0-9a-f]{{64}})"
)


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """A requested build: `id` makes the request idempotent; `build` is its name once it exists.

    `exchanged` is true once its claim token was exchanged for a job token. `is_refused` is
    true once the account had no capacity for it, `refused_since` from the first such refusal on.
    """

    id: str
    at: datetime
    build: str | None = None
    exchanged: bool = False
    is_refused: bool = False
    refused_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class BuildEnvironment:
    """The image and the machine of a build; None for those of the stage."""

    image: str | None = None
    compute_type: ComputeType | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimToken:
    """The right to claim one attempt of one run, or to act for it. It is not stored.

    The claim token is a plain variable of its build, which more people can read than may have the
    job's secrets. It is therefore exchanged at the claim for a job token, which only the build
    receives.
    """

    run_id: RunId
    attempt: int
    launch_id: str
    speaks: bool = False

    @property
    def token_text(self) -> str:
        run, launch_hex = uuid.UUID(self.run_id).hex, uuid.UUID(self.launch_id).hex
        prefix = JOB_TOKEN_PREFIX if self.speaks else RUN_TOKEN_PREFIX
        return f"{prefix}{run}.{self.attempt}.{launch_hex}"


@dataclass(frozen=True, kw_only=True)
class BuildEnd:
    """The result of a build, with the run and the request that it was started for."""

    build: str
    status: str
    message: str = ""
    run_id: RunId | None = None
    launch_id: str = ""
    never_began: bool = False

    @property
    def describe_end(self) -> str:
        return f"the build ended ({self.status})" + (f": {self.message}" if self.message else "")


def pull_credentials_type(image: str) -> str:
    """Return whose rights pull an image: CodeBuild's for its own images, the role's for others.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectEnvironment.html
    """
    return "CODEBUILD" if image.startswith("aws/codebuild/") else "SERVICE_ROLE"


def parse_claim_token(token: str) -> tuple[ClaimToken, str] | None:
    """Return a token's content and its unverified signature; None for any other kind of token."""
    match = _FORM.fullmatch(token)
    if match is None:
        return None
    prefix, run, attempt, launch_hex, signature = match.groups()
    claim_token = ClaimToken(
        run_id=RunId(str(uuid.UUID(run))),
        attempt=int(attempt),
        launch_id=str(uuid.UUID(launch_hex)),
        speaks=prefix == JOB_TOKEN_PREFIX,
    )
    return claim_token, signature
