"""Events of CodeBuild: the end of a build, however it ended."""

from __future__ import annotations

from chalice.app import CloudWatchEvent

from chalicelib import wiring
from chalicelib.actions import launching
from chalicelib.integrations import build_events
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)
ENDED = {
    "source": ["aws.codebuild"],
    "detail-type": ["CodeBuild Build State Change"],
    "detail": {
        "project-name": [settings.build_project],
        "build-status": ["SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT"],
    },
}


@steps.on_cw_event(ENDED)
def settle(event: CloudWatchEvent) -> None:
    """Handle the end of a build. The event contains the build's variables, so it is not logged."""
    launching.settle(wiring.world(), build_events.ended(event.detail))
