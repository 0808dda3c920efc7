"""Shared fixtures of tests of whole jobs."""

from __future__ import annotations

from tests.support.fake_runner_api import api, origin, tmp
from tests.support.fake_tracker_stage import short

__all__ = ["api", "origin", "short", "tmp"]
