"""A run that continues its branch: the base is there to merge, and the branch only grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repositories import BRANCH, Job, commit_files, git, make_origin


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A branch that was pushed, and then got into conflict with its base."""
    bare = make_origin(tmp_path, {"README": "hello\n", "other": "x\n"})
    for number in range(60):
        commit_files(tmp_path / "seed", {"other": f"{number}\n"})
    first = Job(tmp_path / "first", bare)
    first.agent("echo mine > README")
    first.push()
    commit_files(tmp_path / "seed", {"README": "theirs\n"})
    return Job(tmp_path / "job", bare, continues=True)


def test_the_base_and_its_merge_base_are_there(job: Job):
    assert job.run("git merge-base HEAD origin/main") == job.run("git rev-parse HEAD^")
    assert job.run("git rev-parse origin/HEAD") == job.run("git rev-parse origin/main")
    assert "origin/main and its merge base are there to merge" in job.text


MERGE = "git merge -q origin/main 2>/dev/null || true; "


@pytest.mark.parametrize(
    "solution, content",
    [("echo both > README", "both"), ("git checkout -q --ours README", "mine")],
    ids=["both", "ours"],
)
def test_a_merge_of_the_base_is_pushed(job: Job, solution: str, content: str):
    snapshot = job.agent(f"{MERGE}{solution}; git commit -qam merged")

    assert snapshot is not None
    assert len(snapshot.commits) == 1
    job.push()
    assert job.show("README") == content
    git("merge-base", "--is-ancestor", "main", BRANCH, cwd=job.origin)


@pytest.mark.parametrize(
    "rewrite",
    [
        "git rebase -q origin/main 2>/dev/null || true; echo both > README; git add README;"
        "GIT_EDITOR=true git rebase --continue",
        "echo more > more; git add .; git commit -q --amend --no-edit",
        "git reset -q --hard HEAD^; echo other > README; git commit -qam again",
    ],
    ids=["rebased", "amended", "done again"],
)
def test_a_rewritten_branch_is_joined_to_what_was_pushed(job: Job, rewrite: str):
    before = git("rev-parse", BRANCH, cwd=job.origin)
    snapshot = job.agent(rewrite)

    assert snapshot is not None
    head = job.push()
    git("merge-base", "--is-ancestor", before, head, cwd=job.origin)
    files = git("show", f"{head}:README", cwd=job.origin)
    assert files == job.run("git show HEAD:README")
    assert any("rewrote its branch" in notice for notice in snapshot.notices)


def test_nothing_done_is_no_work(job: Job):
    assert job.agent("git fetch -q origin") is None


def test_a_base_that_is_gone_is_no_failure(tmp_path: Path, job: Job):
    git("branch", "-m", "main", "trunk", cwd=job.origin)
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=job.origin)
    later = Job(tmp_path / "later", job.origin, branch="main", continues=True)
    later.agent("echo x > x")

    later.push()
    assert later.show("x") == "x"
    assert "the base branch main is gone" in later.text


def test_a_base_without_a_common_commit_is_said(tmp_path: Path, job: Job):
    seed = tmp_path / "seed"
    git("checkout", "-q", "--orphan", "fresh", cwd=seed)
    git("commit", "-q", "-m", "fresh", cwd=seed)
    git("push", "-q", "-f", "origin", "HEAD:main", cwd=seed)
    later = Job(tmp_path / "later", job.origin, continues=True)

    assert "has no commit in common with this branch" in later.text
