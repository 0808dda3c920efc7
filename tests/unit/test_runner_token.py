"""A job that outlives its token: what it pushes with is asked for when it pushes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.github import FakeGitHub
from tests.support.fake_runner_api import PlayedApi, api, do, git, job, origin, tmp

__all__ = ["api", "origin", "tmp"]
FIRST, SECOND = "ghs_the_first_token", "ghs_the_second_token"


@pytest.fixture
def forge(tmp: Path, origin: Path) -> Iterator[FakeGitHub]:
    (tmp / "served" / "acme").mkdir(parents=True)
    bare = tmp / "served" / "acme" / "web"
    git("clone", "-q", "--bare", str(origin), str(bare), cwd=tmp)
    git("config", "http.receivepack", "true", cwd=bare)
    with FakeGitHub(git_root=tmp / "served") as fake:
        fake.token = FIRST
        yield fake


def order(forge: FakeGitHub, command: str) -> dict[str, object]:
    repo = {
        "url": forge.repo_url,
        "branch": None,
        "pushBranch": "optio/task-ab12cd34",
        "continueBranch": False,
        "setupCommands": None,
        "token": FIRST,
        "plainHttp": True,
    }
    return job(command) | {"repo": repo, "type": "repo-task"}


def test_the_push_uses_a_token_that_is_made_for_it(api: PlayedApi, tmp: Path, forge: FakeGitHub):
    def renewed() -> str:
        forge.token = SECOND  # the first one ends here
        return SECOND

    api.new_token = renewed
    report = do(api, tmp, order(forge, "echo hi > hello.txt"))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert forge.head("optio/task-ab12cd34") == report["headSha"]
    assert SECOND not in api.text


def test_without_a_new_token_the_first_one_is_used(api: PlayedApi, tmp: Path, forge: FakeGitHub):
    report = do(api, tmp, order(forge, "echo hi > hello.txt"))

    assert report["outcome"] == "succeeded", report["errorMessage"]
