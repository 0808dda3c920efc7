"""A git origin beside the local stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import git


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    work, bare = tmp_path / "work", tmp_path / "origin"
    work.mkdir()
    (work / "notes.txt").write_text("first\n")
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", "--all")
    me = ("-c", "user.name=Me", "-c", "user.email=me@localhost")
    git(work, *me, "commit", "--quiet", "--message", "Begin")
    git(work, "clone", "--quiet", "--bare", ".", str(bare))
    return bare
