"""The bytes of a program's output, and how long their end is waited for."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository.git import Git


def test_a_daemon_that_holds_the_stream_open_ends_with_the_run(tmp_path: Path):
    control = JobControl(timedelta(seconds=2.5))
    git = Git(control, JobLog(Redactor([])), lambda: tmp_path, None)
    started = time.monotonic()

    with pytest.raises(JobFailed) as caught:
        git.read_bytes("sh", "-c", "setsid sleep 20 & echo done", cwd=tmp_path)

    assert caught.value.error_class == "timeout"
    assert time.monotonic() - started < 8
