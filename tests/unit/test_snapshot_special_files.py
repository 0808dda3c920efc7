"""Pipes, devices and directories that an agent left where git expects a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chalicelib.runner.errors import Overrun
from tests.support.repositories import Job, git, make_origin

FILES: dict[str, str | bytes] = {
    "README": "hello\n",
    "a": "a\n",
    ".gitignore": "build/\n",
    ".gitattributes": "*.txt text\n",
    "src/.gitignore": "made\n",
}
WORK = (
    "echo x > x; git add x; git commit -qm x; echo more >> README; mkdir build; echo b > build/b;"
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "job", make_origin(tmp_path, FILES))


PLACES = [
    *(".gitignore", ".gitattributes", ".gitmodules", "src/.gitignore", "new/.gitignore", "a"),
    *(".git/shallow", ".git/info/exclude", ".git/info/attributes", ".git/packed-refs"),
    *(".git/HEAD", ".git/index", ".git/config", ".git/FETCH_HEAD", ".git/objects/info/alternates"),
    *(".git/logs/HEAD", ".git/MERGE_HEAD"),
]
DIRECTORIES = [path for path in PLACES if path.startswith(".git/") and path != ".git/MERGE_HEAD"]
ELSEWHERE = {
    "a nested repository": "git init -q nested; rm nested/.git/HEAD; mkfifo nested/.git/HEAD",
    "a worktree": "git worktree add -q ../t -b t; mkdir ../t/n; mkfifo ../t/n/.gitignore",
    "the home": "mkdir -p ~/.config/git; mkfifo ~/.config/git/ignore",
    "a link": "mkdir -p .git/info; mkfifo ../p; ln -sf $PWD/../p .git/info/exclude",
    "a device": "mkdir -p .git/info; ln -sf /dev/zero .git/info/sparse-checkout",
    "a pipe of the tests": "mkfifo pipe",
}


def put_pipes(places: list[str]) -> str:
    return "".join(f"mkdir -p $(dirname {p}); rm -rf {p}; mkfifo {p};" for p in places)


def put_directories(places: list[str]) -> str:
    return "".join(f"rm -rf {p}; mkdir -p {p}/below;" for p in places)


def check_work(job: Job, agent: str) -> tuple[str, ...]:
    """Check that the work is pushed as usual; return the log."""
    snapshot = job.agent(WORK + agent)
    assert snapshot is not None
    assert snapshot.refused is None
    job.push()
    assert job.changed() == ["M README", "A x"]
    return snapshot.notices


def test_pipes_in_the_place_of_files_keep_nobody_waiting(job: Job):
    notices = check_work(job, put_pipes(PLACES))

    assert any("out of git's way" in notice for notice in notices)


@pytest.mark.slow
@pytest.mark.parametrize("place", [*PLACES, ".git/info"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(job: Job, place: str):
    assert any(place in notice for notice in check_work(job, put_pipes([place])))


def test_directories_in_the_place_of_files_of_git_lose_no_work(job: Job):
    check_work(job, put_directories(DIRECTORIES))


@pytest.mark.slow
@pytest.mark.parametrize("place", DIRECTORIES)
def test_a_directory_in_the_place_of_a_file_of_git_loses_no_work(job: Job, place: str):
    check_work(job, put_directories([place]))


def test_pipes_elsewhere_keep_nobody_waiting(job: Job):
    check_work(job, "; ".join(ELSEWHERE.values()))

    assert (job.workspace / "pipe").exists()


@pytest.mark.slow
@pytest.mark.parametrize("agent", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_pipe_elsewhere_keeps_nobody_waiting(job: Job, agent: str):
    check_work(job, agent)


def test_rules_that_are_very_large_are_out_of_the_way(job: Job):
    snapshot = job.agent(f"{WORK} truncate -s 2G src/.gitignore")

    assert snapshot is not None
    job.push()
    assert job.changed() == ["M README", "A x"]


def test_very_many_pipes_are_named_in_short(job: Job):
    snapshot = job.agent(f"{WORK} mkdir d{{1..300}}; mkfifo d{{1..300}}/.gitignore")

    assert snapshot is not None
    assert any(notice.endswith(" and 295 more") for notice in snapshot.notices)
    assert sum(len(notice) for notice in snapshot.notices) < 1000


def test_a_filter_that_hangs_costs_its_files_and_no_others(tmp_path: Path):
    files = {"a.slow": "a\n", "b.slow": "b\n", "c": "c\n", ".gitattributes": "*.slow filter=slow\n"}
    job = Job(tmp_path / "job", make_origin(tmp_path, files))
    job.setup(
        "git config filter.slow.smudge cat;"
        "git config filter.slow.clean"
        " 'read line; case $line in one|two) sleep 1000;; esac; echo $line'"
    )
    job.run("echo z > c; git add c; git commit -qm c;echo one > a.slow; echo two > b.slow")
    job.seconds = 8

    snapshot = job.take()

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "filter"
    assert "git did not end within" in snapshot.refused.reason
    assert git("show", f"{snapshot.head}:c", cwd=snapshot.repository) == "z"
    assert git("show", f"{snapshot.head}:a.slow", cwd=snapshot.repository) == "a"


def test_without_the_files_the_commits_are_the_work(job: Job):
    job.setup()
    job.run(WORK)
    snapshot = job.take(reads_files=False)

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "push"
    assert git("show", f"{snapshot.head}:x", cwd=snapshot.repository) == "x"
    assert git("show", f"{snapshot.head}:README", cwd=snapshot.repository) == "hello"


def test_a_command_of_git_ends_in_its_time(job: Job):
    pipe = job.root / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(Overrun, match="git did not end within 0 s"):
        job.git.read_bytes("cat", str(pipe), cwd=job.workspace, seconds=0.3)


def test_ignore_rules_of_the_home_are_those_after_setup(job: Job):
    job.setup("git config core.excludesFile ~/ignored; echo made > ~/ignored; touch made")
    check_work(job, "rm ~/ignored; mkfifo ~/ignored; touch made")
