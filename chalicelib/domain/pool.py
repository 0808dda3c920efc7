"""The pools of machines that run jobs."""

from __future__ import annotations

from enum import StrEnum


class Pool(StrEnum):
    """The machines that run a job: builds of the stage, or runners of its users."""

    CODEBUILD = "codebuild"
    SELF_HOSTED = "self-hosted"
