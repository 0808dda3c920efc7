"""The package of a stage, built once for all processes of a run of tests."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from infra.package.build import build


def built_package(factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the package of stage `dev`; tests only read it."""
    base = factory.getbasetemp()
    common = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder, complete = common / "package", common / "package-is-complete"
    with (common / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("STAGE", "dev")
                build(folder)
            complete.touch()
    return folder
