"""The pools of machines that run jobs, and the machines of builds."""

from __future__ import annotations

from enum import StrEnum


class Pool(StrEnum):
    """The machines that run a job: builds of the stage, or runners of its users."""

    CODEBUILD = "codebuild"
    SELF_HOSTED = "self-hosted"


class ComputeType(StrEnum):
    """CodeBuild machines that run containers. Its Lambda machines stop after 15 minutes."""

    SMALL = "BUILD_GENERAL1_SMALL"
    MEDIUM = "BUILD_GENERAL1_MEDIUM"
    LARGE = "BUILD_GENERAL1_LARGE"
    XLARGE = "BUILD_GENERAL1_XLARGE"
    XXLARGE = "BUILD_GENERAL1_2XLARGE"
