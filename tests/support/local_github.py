"""A fake GitHub beside the local stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import git
from tests.fakes.github import FakeGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    work, root = tmp_path / "work", tmp_path / "served"
    work.mkdir()
    (root / "acme").mkdir(parents=True)
    (work / "readme.md").write_text("web\n")
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", "--all")
    me = ("-c", "user.name=Me", "-c", "user.email=me@localhost")
    git(work, *me, "commit", "--quiet", "--message", "Begin")
    bare = root / "acme" / "web"
    git(work, "clone", "--quiet", "--bare", ".", str(bare))
    git(bare, "config", "http.receivepack", "true")
    with FakeGitHub(git_root=root) as fake:
        yield fake
