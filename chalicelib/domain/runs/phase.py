"""The phases of a running run."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A phase of a running run, in their order; the API calls it `stage`.

    From `PUBLISH` on no runner is needed, and a failure retries that phase only.
    """

    CLONE = "clone"
    SETUP = "setup"
    AGENT = "agent"
    TEST = "test"
    PUSH = "push"
    PUBLISH = "publish"
