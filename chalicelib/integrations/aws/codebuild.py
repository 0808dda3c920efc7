"""CodeBuild: one build for one job of a run."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from chalicelib import aws_session
from chalicelib.domain.runs.build import (
    MAX_QUEUE_TIME,
    BuildEnd,
    BuildEnvironment,
    pull_credentials_type,
)
from chalicelib.domain.runs.run import Run
from chalicelib.integrations.aws.codebuild_events import failure_summary, never_began
from chalicelib.ports.services import BuildCapacityExceeded, BuildRefused

FINAL_ERROR_CODES = ("InvalidInputException", "ResourceNotFoundException")
"""Errors that a retry does not change. Throttling is transient."""
LIMIT_ERROR_CODE = "AccountLimitExceededException"
OVERHEAD_MINUTES = 15
"""The time of a build beyond its job: getting the image, reporting the end."""


class CodeBuilds:
    """The builds of one project."""

    def __init__(self, project: str, region: str) -> None:
        self._project = project
        self._region = region

    @cached_property
    def _client(self) -> Any:
        return aws_session.make_client("codebuild", region_name=self._region)

    def start_build(self, run: Run, token: str, environment: BuildEnvironment) -> str:
        """Start the build of a run's launch and return its id; asked again, it is the same one."""
        assert run.launch is not None
        request: dict[str, Any] = {
            "projectName": self._project,
            "idempotencyToken": run.launch.id,
            "timeoutInMinutesOverride": run.timeout_minutes + OVERHEAD_MINUTES,
            "queuedTimeoutInMinutesOverride": int(MAX_QUEUE_TIME.total_seconds()) // 60,
            "environmentVariablesOverride": [
                {"name": name, "value": value, "type": "PLAINTEXT"}
                for name, value in (
                    ("OPTIO_RUNNER_TOKEN", token),
                    ("OPTIO_RUN_ID", run.id),
                    ("OPTIO_LAUNCH_ID", run.launch.id),
                    ("OPTIO_AGENT_TYPE", run.agent_type),
                )
            ],
        }
        if environment.image:
            request["imageOverride"] = environment.image
            request["imagePullCredentialsTypeOverride"] = pull_credentials_type(environment.image)
        if environment.compute_type:
            request["computeTypeOverride"] = environment.compute_type
        try:
            build: str = self._client.start_build(**request)["build"]["id"]
        except ParamValidationError as error:
            raise BuildRefused(str(error)) from error
        except ClientError as error:
            details = error.response["Error"]
            if details["Code"] == LIMIT_ERROR_CODE:
                raise BuildCapacityExceeded(details["Message"]) from error
            if details["Code"] in FINAL_ERROR_CODES:
                raise BuildRefused(f"{details['Code']}: {details['Message']}") from error
            raise
        return build

    def find_build_end(self, build: str) -> BuildEnd | None:
        """Return how a build ended, or None while it has not."""
        builds = self._client.batch_get_builds(ids=[build])["builds"]
        if not builds:
            return BuildEnd(build=build, status="UNKNOWN", message="CodeBuild has no such build")
        status = builds[0]["buildStatus"]
        if status == "IN_PROGRESS":
            return None
        phases = builds[0].get("phases", ())
        return BuildEnd(
            build=build,
            status=status,
            message=failure_summary(phases),
            never_began=never_began(phases),
        )
