"""CodeBuild: one build for one job of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError, ParamValidationError

from chalicelib.domain.launch import QUEUED_FOR, BuildEnd
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Run
from chalicelib.ports.services import BuildRefused

FINAL = ("InvalidInputException", "ResourceNotFoundException")
"""What asking again does not change. Throttling and a full account pass."""
AROUND_MINUTES = 15
"""What a build may take beyond its job: getting the image, telling the end."""


class CodeBuilds:
    """The builds of one project."""

    def __init__(self, project: str, region: str) -> None:
        self._project = project
        self._region = region

    @cached_property
    def _client(self) -> Any:
        return boto3.client("codebuild", region_name=self._region)

    def start(self, run: Run, token: str, repo: Repo | None) -> str:
        """Start the build of a run's launch and return its id; asked again, it is the same one."""
        assert run.launch is not None
        asked: dict[str, Any] = {
            "projectName": self._project,
            "idempotencyToken": run.launch.id,
            "timeoutInMinutesOverride": run.timeout_minutes + AROUND_MINUTES,
            "queuedTimeoutInMinutesOverride": int(QUEUED_FOR.total_seconds()) // 60,
            "environmentVariablesOverride": [
                {"name": name, "value": value, "type": "PLAINTEXT"}
                for name, value in (
                    ("OPTIO_RUNNER_TOKEN", token),
                    ("OPTIO_RUN_ID", run.id),
                    ("OPTIO_LAUNCH_ID", run.launch.id),
                )
            ],
        }
        if repo and repo.image:
            asked["imageOverride"] = repo.image
        if repo and repo.compute_type:
            asked["computeTypeOverride"] = repo.compute_type
        try:
            build: str = self._client.start_build(**asked)["build"]["id"]
        except ParamValidationError as error:
            raise BuildRefused(str(error)) from error
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] in FINAL:
                raise BuildRefused(f"{told['Code']}: {told['Message']}") from error
            raise
        return build

    def end(self, build: str) -> BuildEnd | None:
        """Return how a build ended, or None while it has not."""
        found = self._client.batch_get_builds(ids=[build])["builds"]
        if not found:
            return BuildEnd(build=build, status="UNKNOWN", message="CodeBuild has no such build")
        status = found[0]["buildStatus"]
        if status == "IN_PROGRESS":
            return None
        return BuildEnd(build=build, status=status, message=_told(found[0].get("phases", ())))


def ended(detail: Mapping[str, Any]) -> BuildEnd:
    """Return the end of a build that an EventBridge event tells of."""
    more = detail.get("additional-information") or {}
    variables = (more.get("environment") or {}).get("environment-variables") or ()
    named = {one.get("name"): str(one.get("value")) for one in variables}
    return BuildEnd(
        build=str(detail.get("build-id", "")).rpartition("build/")[2],
        status=str(detail.get("build-status", "UNKNOWN")),
        message=_told(more.get("phases") or ()),
        run_id=named.get("OPTIO_RUN_ID", ""),
        launch_id=named.get("OPTIO_LAUNCH_ID", ""),
    )


def _told(phases: Any) -> str:
    """Return what the phases that went wrong say, in CodeBuild's own words."""
    return "; ".join(_sentences(phases))[:1500]


def _sentences(phases: Any) -> Iterator[str]:
    for phase in phases:
        status = phase.get("phaseStatus") or phase.get("phase-status")
        if status in (None, "SUCCEEDED"):
            continue
        name = phase.get("phaseType") or phase.get("phase-type")
        contexts = phase.get("contexts") or phase.get("phase-context") or ()
        said = [_context(one) for one in contexts]
        yield f"{name} {status}: {' '.join(part for part in said if part)}".rstrip(": ")


def _context(one: Any) -> str:
    if isinstance(one, dict):
        return " ".join(str(one[k]) for k in ("statusCode", "message") if one.get(k))
    return str(one).strip().removeprefix(":").strip()
