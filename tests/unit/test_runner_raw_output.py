"""The bytes of a program's output, and how long their end is waited for."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git
from chalicelib.runner.log import Log
from chalicelib.runner.redact import Redactor


def test_a_daemon_that_holds_the_stream_open_ends_with_the_run(tmp_path: Path):
    control = Control(timedelta(seconds=2.5))
    git = Git(control, Log(Redactor([])), lambda: tmp_path, None)
    started = time.monotonic()

    with pytest.raises(Failure) as caught:
        git.read("sh", "-c", "setsid sleep 20 & echo done", cwd=tmp_path)

    assert caught.value.error_class == "timeout"
    assert time.monotonic() - started < 8
