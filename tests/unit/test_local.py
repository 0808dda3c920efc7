"""`make dev` says in one line what keeps it from starting."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from infra import local


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_that_is_taken_is_named_with_its_remedy(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(SystemExit, match=f"port {port} is taken: set PORT"):
            local._check(port, tmp_path)


def test_a_tool_that_is_missing_is_named(
    tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit, match="git is missing: install it"):
        local._check(free, tmp_path)


def test_a_state_folder_that_is_in_use_is_left_alone(tmp_path: Path, free: int):
    (tmp_path / "dev.json").write_text(json.dumps({"pid": os.getpid()}))

    with pytest.raises(SystemExit, match=f"in use by process {os.getpid()}: set OPTIO_STATE"):
        local._check(free, tmp_path)


def test_what_a_killed_start_left_is_no_obstacle(tmp_path: Path, free: int):
    (tmp_path / "dev.json").write_text(json.dumps({"pid": 2**22 + 1}))

    local._check(free, tmp_path)
