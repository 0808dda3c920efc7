"""Programs that other tests need continue while a job under test ends its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from chalicelib.runner.sandbox import processes
from tests.support.lasting import starting_lasting_programs


def test_a_job_ends_its_own_programs_and_not_those_of_the_session():
    with starting_lasting_programs():
        lasting = subprocess.Popen(["sleep", "60"])
    own = subprocess.Popen(["sleep", "60"])
    try:
        assert processes.end_descendants()
        assert not Path(f"/proc/{own.pid}").exists()
        assert lasting.poll() is None
    finally:
        own.wait()
        lasting.kill()
        lasting.wait()
