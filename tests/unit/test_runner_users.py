"""A user of a runner is its own, regardless of other runners at the same time."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from chalicelib.runner.sandbox import job_users, workspace


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs jobs as another user")
@pytest.mark.parametrize("tries", [job_users.check_users, workspace.base_directory])
def test_what_is_tried_as_another_user_is_held_against_who_ends_all_of_that_users(
    monkeypatch: pytest.MonkeyPatch, tries: Any
):
    real, held = subprocess.run, []

    def run(*given: Any, **named: Any) -> Any:
        lock = job_users._try_lock(named["user"])
        held.append(lock is None)
        if lock is not None:
            os.close(lock)
        return real(*given, **named)

    monkeypatch.setattr(subprocess, "run", run)
    tries()
    assert held == [True]
