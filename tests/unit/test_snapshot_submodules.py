"""Submodules: untouched ones stay, moved ones are recorded, and work inside one is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repositories import BRANCH, Job, commit_files, git, make_origin

IDENTITY = "git -c user.name=a -c user.email=a@b"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with the submodule `lib`, whose remote has two commits."""
    (tmp_path / "lib").mkdir()
    lib = make_origin(tmp_path / "lib", {"lib.py": "one\n"})
    bare = make_origin(tmp_path, {"README": "hello\n"})
    seed = tmp_path / "seed"
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lib), "lib", cwd=seed)
    commit_files(seed, {})
    commit_files(tmp_path / "lib" / "seed", {"lib.py": "two\n"})
    return bare


@pytest.fixture
def job(tmp_path: Path, origin: Path) -> Job:
    job = Job(tmp_path / "job", origin)
    return job.setup("git -c protocol.file.allow=always submodule update -q --init")


def link(job: Job, commit: str) -> str:
    return git("ls-tree", commit, "lib", cwd=job.origin).split()[2]


UNTOUCHED = {
    "left alone": "true",
    "read": "cat lib/lib.py; git -C lib status",
    "deinitialised": "git submodule deinit -q -f lib",
    "built in": "mkdir lib/build; rmdir lib/build",
}


@pytest.mark.parametrize("agent", UNTOUCHED.values(), ids=UNTOUCHED)
def test_an_untouched_submodule_stays(job: Job, agent: str):
    job.agent(f"{agent}; echo x > x")

    job.push()
    assert job.changed() == ["A x"]


def test_a_submodule_that_was_never_fetched_stays(tmp_path: Path, origin: Path):
    job = Job(tmp_path / "job", origin)
    job.agent("echo x > x; git add -A; git commit -qm x")

    job.push()
    assert job.changed() == ["A x"]


def test_what_setup_did_in_a_submodule_is_not_the_agents(tmp_path: Path, origin: Path):
    job = Job(tmp_path / "job", origin).setup(
        "git -c protocol.file.allow=always submodule update -q --init; echo built > lib/built"
    )
    job.agent("echo x > x")

    job.push()
    assert job.changed() == ["A x"]


INSIDE = {
    "an edit": "echo mine >> lib/lib.py",
    "a new file": "echo mine > lib/mine",
    "a commit": f"cd lib; echo mine >> lib.py; {IDENTITY} commit -qam mine",
    "a recorded commit": (
        f"(cd lib; echo mine >> lib.py; {IDENTITY} commit -qam mine); git add lib;"
        "git commit -qm 'move lib'"
    ),
    "an edit after setup's": "echo more >> lib/lib.py; echo x > x",
}


@pytest.mark.parametrize("agent", INSIDE.values(), ids=INSIDE)
def test_work_inside_a_submodule_needs_attention(job: Job, agent: str):
    snapshot = job.agent(agent)

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "attention"
    assert "the agent worked inside the submodule lib" in snapshot.refused.reason


@pytest.mark.parametrize("commit", ["true", "git add lib; git commit -qm bump"])
def test_a_commit_that_the_submodules_remote_has_is_recorded(job: Job, commit: str):
    job.agent(
        "git -c protocol.file.allow=always submodule update -q --remote; git -C lib log -1;"
        + commit
    )

    job.push()
    assert job.changed() == ["M lib"]
    wanted = job.run("git -C lib rev-parse HEAD")
    assert link(job, BRANCH) == wanted


def test_a_submodule_can_be_added_and_removed(job: Job, tmp_path: Path):
    lib = tmp_path / "lib" / "origin.git"
    job.agent(f"git -c protocol.file.allow=always submodule add -q {lib} more; git rm -q -f lib")

    job.push()
    assert job.changed() == ["M .gitmodules", "D lib", "A more"]
