"""Shared fixtures of tests of whole jobs."""

from __future__ import annotations

from tests.unit.played import api, origin, tmp
from tests.unit.tracked import short

__all__ = ["api", "origin", "short", "tmp"]
