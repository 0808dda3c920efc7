"""The cache of compiled modules for programs that tests start, outside the source folders."""

from __future__ import annotations

from infra.dev.emulator import ROOT

BYTECODE = {"PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}
"""Variables of their environment. Compiling the runner each time takes longer than most jobs."""
