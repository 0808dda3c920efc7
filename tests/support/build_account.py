"""An account that starts builds."""

from __future__ import annotations

import json
from typing import Any

from botocore.awsrequest import AWSResponse

from chalicelib import wiring
from chalicelib.settings import settings
from tests.conftest import Stage

ANSWERED = AWSResponse("https://codebuild.example", 200, {}, None)


class Account:
    """CodeBuild as it answers StartBuild: the same build for the same token and parameters."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.builds: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {"buildStatus": "IN_PROGRESS"}
        self.fault: Exception | None = None

    def plug_in(self) -> None:
        """Answer what the real client asks, once it has checked and written it."""
        builds: Any = wiring.get_world().builds
        events = builds._client.meta.events
        events.register("before-call.codebuild.StartBuild", self._start)
        events.register("before-call.codebuild.BatchGetBuilds", self._get)

    def _start(self, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        asked = json.loads(params["body"])
        self.asked.append(asked)
        if self.fault:
            raise self.fault
        known = self.builds.setdefault(asked["idempotencyToken"], asked)
        assert known == asked, "InvalidInputException: parameter mismatch"
        return ANSWERED, {"build": {"id": f"optio-test-runner:{asked['idempotencyToken']}"}}

    def _get(self, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        return ANSWERED, {"builds": [self.state]}

    def token(self, number: int = -1) -> str:
        variables = self.asked[number]["environmentVariablesOverride"]
        named = {one["name"]: one["value"] for one in variables}
        return str(named["OPTIO_RUNNER_TOKEN"])


def started(stage: Stage, **more: Any) -> str:
    body = {
        "name": "Fix",
        "prompt": "Go.",
        "repoUrl": "acme/web",
        "agentType": "command",
        "agentCommand": "true",
        **more,
    }
    made: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.settle()
    return made


def ends(stage: Stage, asked: dict[str, Any], status: str = "FAILED", phase: Any = None) -> None:
    """Send EventBridge's event of a build's end, in the form that CodeBuild documents."""
    detail = {
        "build-status": status,
        "project-name": settings.build_project,
        "build-id": "arn:aws:codebuild:us-east-1:123456789012:build/optio-test-runner:1",
        "additional-information": {
            "environment": {"environment-variables": asked["environmentVariablesOverride"]},
            "phases": [{"phase-type": "SUBMITTED", "phase-status": "SUCCEEDED"}, *(phase or ())],
        },
    }
    client = stage._client
    event = client.events.generate_cw_event("aws.codebuild", "State Change", detail, [])
    client.lambda_.invoke("settle", event)
