"""What tests of whole jobs share."""

from __future__ import annotations

from tests.unit.played import api, origin, tmp

__all__ = ["api", "origin", "tmp"]
