"""Events of CodeBuild: the end of a build, however it ended."""

from __future__ import annotations

from chalice.app import CloudWatchEvent

from chalicelib import wiring
from chalicelib.actions.jobs import builds
from chalicelib.integrations.aws import codebuild_events
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)
BUILD_END_PATTERN = {
    "source": ["aws.codebuild"],
    "detail-type": ["CodeBuild Build State Change"],
    "detail": {
        "project-name": [settings.build_project],
        "build-status": ["SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT"],
    },
}


@steps.on_cw_event(BUILD_END_PATTERN)
def settle(event: CloudWatchEvent) -> None:
    """Handle the end of a build. The event contains the build's variables, so it is not logged."""
    builds.handle_build_end(wiring.get_world(), codebuild_events.parse_build_end(event.detail))
