"""The page of the command line lists every command and every exit code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from optio_cli.core.errors import ExitCode
from optio_cli.main import app
from tests.support.cli_commands import commands

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text()


def test_each_command_has_its_row():
    assert set(re.findall(r"^\| `(optio [\w ]+)` \|", PAGE, re.MULTILINE)) == commands()


def test_each_exit_code_has_its_row():
    told = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert {name: int(code) for code, name in told} == {one.name: one.value for one in ExitCode}


def test_each_command_prints_json_when_asked():
    groups = [app, *(one.typer_instance for one in app.registered_groups)]
    for group in groups:
        assert group is not None
        for one in group.registered_commands:
            assert one.callback is not None
            assert "as_json" in one.callback.__annotations__, one.callback


def test_the_installed_command_explains_itself_and_tells_wrong_usage_by_its_exit_code():
    optio = Path(sys.executable).parent / "optio"
    said = subprocess.run([optio, "--help"], capture_output=True, text=True, check=True).stdout
    assert "Schedule coding agents" in said
    assert subprocess.run([optio, "no-such"], capture_output=True).returncode == ExitCode.USAGE
