"""The agents' programs, where the jobs' user can run them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from chalicelib.runner.tools import found, trial_user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs jobs as another user")


@as_root
@pytest.mark.parametrize("closed_too", [False, True])
def test_a_program_of_a_project_runs_with_what_lies_beside_it(
    closed_too: bool, tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    closed, modules = tmp / "closed", tmp / "node_modules"
    for folder in (closed, modules / "tool", modules / "sibling"):
        folder.mkdir(parents=True, mode=0o755)
    shutil.copy2("/bin/sh", closed / "shell")
    closed.chmod(0o700)
    (modules / "sibling" / "words").write_text("1.0\n")
    program = modules / "tool" / "tool"
    program.write_text(
        '#!/usr/bin/env shell\ncat "$(dirname "$(readlink -f "$0")")"/../sibling/words\n'
    )
    program.chmod(0o755)
    (modules / ".package-lock.json").write_text("{}")
    if closed_too:
        modules.chmod(0o700)
    monkeypatch.setenv("PATH", f"{closed}:{program.parent}:/usr/bin:/bin")

    tools = found(trial_user(), ("tool",))

    try:
        assert tools.unusable == {}
        assert tools.directory is not None
        copied = (tools.directory / "bin" / "tool").resolve() != program
        assert copied is closed_too
    finally:
        tools.remove()
