"""The rules of docs/explanation/what-is-pushed.md, each with a real repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chalicelib.runner.sandbox import shell
from chalicelib.runner.work import push
from tests.support.repositories import BRANCH, Job, commit_files, git, make_origin

FILES: dict[str, str | bytes] = {
    "README": "hello\n",
    "src/a.py": "one = 1\n",
    "src/b.py": "two = 2\n",
    ".gitignore": "build/\n",
}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return make_origin(tmp_path, FILES)


@pytest.fixture
def job(tmp_path: Path, origin: Path) -> Job:
    return Job(tmp_path / "job", origin)


def test_an_edit_is_one_commit_on_the_base(job: Job):
    snapshot = job.agent("echo more >> README; rm src/b.py; echo new > c; chmod +x src/a.py")

    assert snapshot is not None
    assert snapshot.base == job.start.base_sha
    assert len(snapshot.commits) == 1
    assert snapshot.diff_stat == "4 files changed, 2 insertions(+), 1 deletion(-)"
    job.push()
    assert job.changed() == ["M README", "A c", "M src/a.py", "D src/b.py"]


def test_a_file_that_setup_made_executable_is_not_the_agents_change(tmp_path: Path, origin: Path):
    job = Job(tmp_path / "job", origin)
    job.setup("chmod +x src/a.py")

    snapshot = job.agent("echo more >> README")

    assert snapshot is not None
    assert snapshot.diff_stat == "1 file changed, 1 insertion(+)"


def test_commits_keep_their_ids(job: Job):
    snapshot = job.agent("echo 1 > c; git add .; git commit -qm first; echo 2 > d")

    assert snapshot is not None
    assert snapshot.commits[0] == job.run("git rev-parse HEAD")
    job.push()
    assert git("log", "--format=%s", f"main..{BRANCH}", cwd=job.origin).split("\n") == [
        "Do the task",
        "first",
    ]


SETUPS = {
    "new files": "mkdir node_modules; echo x > node_modules/x; echo lock > package-lock.json",
    "changed files": "echo generated > src/b.py; rm README",
    "a commit": "echo scaffold > scaffold; git add .; git commit -qm scaffold",
    "a nested repository": "git init -q dep; echo x > dep/x; (cd dep; git add .; git commit -qm x)",
    "an unborn repository": "git init -q dep; echo x > dep/x",
    "a branch": "git switch -qc other; echo x > scaffold; git add .; git commit -qm other",
    "sparse": "git sparse-checkout set docs",
}


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_what_setup_did_is_not_the_agents_work(job: Job, setup: str):
    assert job.setup(setup).agent("true") is None


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
@pytest.mark.parametrize(
    "agent",
    [
        "echo mine > mine",
        "echo mine > mine; rm -rf dep/.git; git add --sparse .; git commit -qm mine",
    ],
    ids=["uncommitted", "committed"],
)
def test_only_the_agents_own_change_is_pushed(job: Job, setup: str, agent: str):
    job.setup(setup).agent(agent)

    job.push()
    assert job.changed() == ["A mine"]


def test_what_setup_changed_is_included_where_the_repo_wants_it(tmp_path: Path, origin: Path):
    job = Job(tmp_path / "job", origin, includes_setup=True)
    job.setup("echo lock > lock; echo generated > src/b.py; rm README").agent("echo mine > mine")

    job.push()
    assert job.changed() == ["D README", "A lock", "A mine", "M src/b.py"]
    assert job.show("lock") == "lock"


def test_a_file_that_setup_and_agent_changed_is_the_agents(job: Job):
    job.setup("echo generated > src/b.py").agent("echo mine >> src/b.py")

    job.push()
    assert job.show("src/b.py") == "generated\nmine"


def test_crlf_files_stay_what_nobody_changed(tmp_path: Path):
    bare = make_origin(tmp_path, {"win.txt": b"a\r\nb\r\n", "edit.txt": b"x\r\n", "README": "x\n"})
    commit_files(tmp_path / "seed", {})
    (tmp_path / "seed" / ".gitattributes").write_text("*.txt text\n")
    git("add", ".gitattributes", cwd=tmp_path / "seed")
    git("commit", "-qm", "attributes", cwd=tmp_path / "seed")
    git("push", "-q", "origin", "HEAD:main", cwd=tmp_path / "seed")
    job = Job(tmp_path / "job", bare).setup("touch win.txt; git status")
    job.agent("git add -A; git commit -qm all || true; echo y >> README; printf 'y\\n' >> edit.txt")

    job.push()
    assert job.changed() == ["M README", "M edit.txt"]


NESTED = {
    "without a commit": "git init -q sub; echo x > sub/x",
    "with a commit": "git init -q sub; cd sub; echo x > x; git add .; git commit -qm x",
    "committed as a link": (
        "git init -q sub; (cd sub; echo x > x; git add .; git commit -qm x);"
        "git add -A 2>/dev/null; git commit -qm nested"
    ),
    "two levels": "git init -q sub; echo x > sub/x; git init -q sub/deep; echo y > sub/deep/y",
}


@pytest.mark.parametrize("agent", NESTED.values(), ids=NESTED)
def test_nested_repositories_are_plain_files(job: Job, agent: str):
    snapshot = job.agent(agent)

    assert snapshot is not None
    job.push()
    assert job.show("sub/x") == "x"
    assert "160000" not in git("ls-tree", "-r", BRANCH, cwd=job.origin)
    assert "added as plain files: sub, a repository of its own" in snapshot.notices


def test_a_linked_worktree_is_not_pushed_and_its_work_is_not_lost(job: Job):
    snapshot = job.agent(
        "git worktree add -q wt -b side; echo x > wt/x; cd wt; git add .; git commit -qm side"
    )

    assert snapshot is not None
    assert "left out: wt, a worktree of this repository" in snapshot.notices
    job.push()
    assert job.changed() == ["A x"]


def test_uncommitted_work_in_a_linked_worktree_is_kept(job: Job):
    snapshot = job.agent("git worktree add -q ../wt -b side; echo x > ../wt/x; echo y > y")

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "the worktree " in snapshot.refused.reason
    (sha,) = snapshot.others.values()
    assert git("show", f"{sha}:x", cwd=snapshot.repository) == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything: test_runner_real covers it")
def test_an_unreadable_file_is_left_out(job: Job):
    snapshot = job.agent("echo x > closed; chmod 0 closed; echo y > y")

    assert snapshot is not None
    job.push()
    assert job.changed() == ["A y"]
    assert any("closed cannot be read" in notice for notice in snapshot.notices)


CONFLICT = (
    "git switch -qc other; echo a > README; git commit -qam a; git switch -q main;"
    "echo b > README; git commit -qam b; "
)
UNFINISHED = {
    "merge": CONFLICT + "git merge other || true",
    "rebase": CONFLICT + "git rebase other || true",
    "cherry-pick": CONFLICT + "git cherry-pick other || true",
    "revert": "echo a > README; git commit -qam a; echo b > README; git commit -qam b;"
    "git revert HEAD~1 || true",
    "bisect": "echo a > README; git commit -qam a; git bisect start; git bisect bad",
}


@pytest.mark.parametrize("operation", UNFINISHED)
def test_an_unfinished_operation_is_refused_and_kept(job: Job, operation: str):
    snapshot = job.agent(UNFINISHED[operation])

    assert snapshot is not None
    assert snapshot.refused is not None
    assert f"the agent left an unfinished {operation}" in snapshot.refused.reason
    tip = job.run("git rev-parse HEAD")
    git("merge-base", "--is-ancestor", tip, snapshot.head, cwd=snapshot.repository)
    assert git("show", f"{snapshot.head}:README", cwd=snapshot.repository)


def test_conflicts_without_an_operation_are_refused(job: Job):
    snapshot = job.agent(
        "echo a > README; git stash -q; echo b > README; git commit -qam b; git stash pop || true"
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "unresolved conflicts in README" in snapshot.refused.reason


def test_work_on_another_branch_is_pushed(job: Job):
    snapshot = job.agent(
        "git switch -qc mine; echo x > x; git add .; git commit -qm mine; git switch -q main"
    )

    assert snapshot is not None
    assert any("the branch mine" in notice for notice in snapshot.notices)
    job.push()
    assert job.changed() == ["A x"]


COMMIT_ASIDE = (
    "echo x > x; git add x; sha=$(git commit-tree -p HEAD -m aside $(git write-tree));git rm -qf x;"
)
OTHER_WORK = {
    "a stash": "echo x > README; git stash -q",
    "a stash with files": "echo x > new; git stash -q -u",
    "a branch beside work": (
        "git switch -qc mine; echo x > x; git add .; git commit -qm m;"
        "git switch -q main; echo y > y"
    ),
    "two branches": (
        "git switch -qc one; echo x > x; git add .; git commit -qm one; git switch -q main;"
        "git switch -qc two; echo y > y; git add .; git commit -qm two; git switch -q main"
    ),
    "a detached commit": (
        "git switch -q --detach; echo x > x; git add .; git commit -qm m; git switch -q main"
    ),
    "another reference": f"{COMMIT_ASIDE} git update-ref refs/wip/mine $sha",
    "a root reference": f"{COMMIT_ASIDE} git update-ref MINE_HEAD $sha",
    "a reference of this worktree": f"{COMMIT_ASIDE} git update-ref refs/worktree/mine $sha",
    "a reference of a linked worktree": (
        "git worktree add -q --detach tree; cd tree; echo x > x; git add x; git commit -qm m;"
        "git update-ref refs/worktree/mine HEAD; git reset -q --hard HEAD~"
    ),
    "a commit that a linked worktree left": (
        "git worktree add -q --detach tree; cd tree; echo x > x; git add x; git commit -qm m;"
        "git checkout -q --detach HEAD~"
    ),
    "a fetch from a directory": (
        "git clone -q . ../clone 2>/dev/null; cd ../clone; echo x > x; git add x;"
        "git commit -qm m; cd ../workspace; git fetch -q ../clone HEAD"
    ),
    "a tag": (
        "git switch -q --detach; echo x > x; git add .; git commit -qm m; git tag -a t -m t;"
        "git switch -q main"
    ),
}


@pytest.mark.parametrize("agent", OTHER_WORK.values(), ids=OTHER_WORK)
def test_work_that_head_does_not_have_is_kept(job: Job, agent: str):
    snapshot = job.agent(agent)

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "work that its checked-out commit does not have" in snapshot.refused.reason
    for sha in snapshot.others.values():
        assert git("cat-file", "-t", sha, cwd=snapshot.repository) == "commit"


SAME_WORK = {
    "merged": "git merge -q --no-edit side",
    "squashed": "git merge -q --squash side; git commit -qm squashed",
    "picked": "git cherry-pick side > /dev/null",
    "squashed with more": "git merge -q --squash side; echo z > README; git commit -qam s;"
    "echo hello > README",
}


@pytest.mark.parametrize("how", SAME_WORK.values(), ids=SAME_WORK)
def test_a_branch_whose_work_head_has_is_no_other_work(job: Job, how: str):
    side = "git switch -qc side; echo x > x; git add .; git commit -qm side; git switch -q main;"
    snapshot = job.agent(f"{side} {how}; echo y > y")

    assert snapshot is not None
    assert snapshot.refused is None
    job.push()
    assert job.changed() == ["A x", "A y"]


def test_the_stash_of_an_unfinished_rebase_is_kept(job: Job):
    snapshot = job.agent(
        "git switch -qc side; echo side > README; git commit -qam side; git switch -q main;"
        "echo main > README; git commit -qam main; echo dirty > src/a.py;"
        "git rebase -q --autostash side 2>/dev/null || true"
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "unfinished"
    (stash,) = [sha for name, sha in snapshot.others.items() if "autostash" in name]
    assert git("show", f"{stash}:src/a.py", cwd=snapshot.repository) == "dirty"


NO_WORK = {
    "a fetch from a URL": "git fetch -q origin pull/3/head",
    "a branch of a pull request": "git fetch -q origin pull/3/head:pr3; git fetch -q origin main",
    "the forge's own names": "git fetch -q origin '+refs/pull/*:refs/pull/*'; git fetch -q",
    "a tag of the forge": "git fetch -q origin tag v1",
    "what a rebase left": "echo z > z; git add z; git commit -qm z; git commit -q --amend -m y;"
    "git reset -q --soft HEAD~",
}


@pytest.mark.parametrize("agent", NO_WORK.values(), ids=NO_WORK)
def test_what_another_machine_has_or_the_agent_replaced_is_no_work(job: Job, agent: str):
    seed = job.root.parent / "seed"
    git("switch", "-qc", "pull", cwd=seed)
    (seed / "theirs").write_text("theirs")
    git("add", ".", cwd=seed)
    git("commit", "-qm", "theirs", cwd=seed)
    git("tag", "v1", cwd=seed)
    git("push", "-q", "origin", "HEAD:refs/pull/3/head", "v1", cwd=seed)

    snapshot = job.agent(f"{agent}; echo y > y")

    assert snapshot is not None
    assert snapshot.refused is None
    assert not snapshot.others


RECORDS = {
    "refs/notes/": "git notes add -m reviewed",
    "refs/original/": f"{COMMIT_ASIDE} git update-ref refs/original/refs/heads/main $sha",
    "refs/jj/": f"{COMMIT_ASIDE} git update-ref refs/jj/keep/$sha $sha",
    "refs/branchless/": f"{COMMIT_ASIDE} git update-ref refs/branchless/$sha $sha",
}


@pytest.mark.parametrize(("prefix", "agent"), RECORDS.items(), ids=RECORDS)
def test_records_of_programs_are_named_and_no_work(job: Job, prefix: str, agent: str):
    snapshot = job.agent(f"{agent}; echo y > y")

    assert snapshot is not None
    assert snapshot.refused is None
    (notice,) = [each for each in snapshot.notices if each.startswith("left behind: ")]
    assert prefix in notice
    assert notice.endswith(", 1 that no branch has")


def test_very_many_references_are_looked_at_together(job: Job, monkeypatch: pytest.MonkeyPatch):
    started = []
    run = shell.run_program
    monkeypatch.setattr(shell, "run_program", lambda *a, **k: started.append(1) or run(*a, **k))
    snapshot = job.agent(
        "echo x > x; git add x; tree=$(git write-tree); git rm -qf x;"
        "for n in $(seq 60); do sha=$(git commit-tree -p HEAD -m $n $tree);"
        'echo "create refs/wip/$n $sha"; done | git update-ref --stdin; echo y > y'
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.reason.endswith(" and 55 more")
    assert len(snapshot.others) == 60
    assert len(git("for-each-ref", cwd=snapshot.repository).splitlines()) == 61
    assert len(started) < 250


def test_an_amended_base_is_put_onto_the_base(job: Job):
    snapshot = job.agent("echo x > x; git add .; git commit -q --amend --no-edit")

    assert snapshot is not None
    job.push()
    assert job.changed() == ["A x"]
    assert git("rev-parse", f"{BRANCH}^", cwd=job.origin) == job.start.base_sha
    told = git("log", "-1", "--format=%an %s", BRANCH, cwd=job.origin)
    assert told == "Agent Do the task"
    assert any("had no parent" in notice for notice in snapshot.notices)


def test_an_orphan_branch_is_put_onto_the_base(job: Job):
    job.agent(
        "git checkout -q --orphan new; git rm -rfq .; echo x > x; git add x; git commit -qm n"
    )

    job.push()
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=job.origin) == "1"
    assert git("ls-tree", "-r", "--name-only", BRANCH, cwd=job.origin) == "x"


def test_a_branch_without_a_commit_is_said(job: Job):
    snapshot = job.agent("git checkout -q --orphan new; echo x > x")

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "HEAD names the branch new, which has no commit" in snapshot.refused.reason
    assert git("show", f"{snapshot.head}:x", cwd=snapshot.repository) == "x"


def test_a_pulled_base_is_no_work(job: Job, tmp_path: Path):
    job.setup()
    commit_files(tmp_path / "seed", {"theirs": "theirs\n"})
    assert job.agent("git pull -q origin main") is None


def test_a_base_that_moved_on_after_the_pull_is_no_work(job: Job, tmp_path: Path):
    job.setup()
    commit_files(tmp_path / "seed", {"theirs": "theirs\n"})
    job.run("git pull -q origin main")
    commit_files(tmp_path / "seed", {"theirs": "again\n"})
    assert job.take() is None


def test_work_on_a_pulled_base_is_compared_with_it(job: Job, tmp_path: Path):
    job.setup()
    pulled = commit_files(tmp_path / "seed", {"theirs": "theirs\n"})
    snapshot = job.agent("git pull -q origin main; echo x > x; git add .; git commit -qm mine")

    assert snapshot is not None
    assert snapshot.base == pulled
    assert snapshot.diff_stat == "1 file changed, 1 insertion(+)"
    assert len(snapshot.commits) == 1
    job.push()
    assert job.changed() == ["A x"]


def test_a_partial_clone_is_packed_and_pushed(job: Job, tmp_path: Path):
    for number in range(3):
        commit_files(tmp_path / "seed", {"README": f"{number}\n"})
    fresh = Job(tmp_path / "partial", job.origin)
    fresh.setup("git fetch -q --unshallow --filter=blob:none origin").agent("echo x > x")

    fresh.push()
    assert fresh.changed() == ["A x"]


def test_a_sha256_repository_works(tmp_path: Path):
    bare = make_origin(tmp_path, FILES, object_format="sha256")
    job = Job(tmp_path / "job", bare).setup("echo lock > lock")
    job.agent("echo x > x; git add x; git commit -qm x; rm README; echo y > y")

    assert len(job.push()) == 64
    assert job.changed() == ["D README", "A x", "A y"]


def test_a_split_index_works(job: Job):
    job.setup("git update-index --split-index").agent(
        "git config core.splitIndex true; echo x > x; git add x; echo y >> README; git add README"
    )

    job.push()
    assert job.changed() == ["M README", "A x"]


UNTRACKED = {
    "uncommitted": "git rm -q --cached README",
    "committed": "git rm -q --cached README; git commit -qm out",
    "ignored": "git rm -q --cached README; mkdir -p .git/info; echo README > .git/info/exclude",
}


@pytest.mark.parametrize("agent", UNTRACKED.values(), ids=UNTRACKED)
def test_a_file_that_is_no_longer_tracked_leaves_the_branch(job: Job, agent: str):
    snapshot = job.agent(agent)

    assert snapshot is not None
    assert "no longer tracked: README" in snapshot.notices
    job.push()
    assert job.changed() == ["D README"]
    assert (job.workspace / "README").exists()


def test_a_lost_index_loses_no_file(job: Job):
    job.agent("rm .git/index; echo x > x")

    job.push()
    assert job.changed() == ["A x"]


def test_an_emptied_index_loses_no_file(job: Job):
    job.agent("git read-tree --empty; echo x > x")

    job.push()
    assert job.changed() == ["A x"]


def test_a_file_that_git_was_told_not_to_look_at_is_looked_at(job: Job):
    job.setup("git update-index --assume-unchanged README").agent("echo more >> README")

    job.push()
    assert job.changed() == ["M README"]


def test_an_ignored_file_that_was_added_is_pushed(job: Job):
    job.agent("mkdir build; echo x > build/x; echo y > build/y; git add -f build/x")

    job.push()
    assert job.changed() == ["A build/x"]


def test_a_sparse_checkout_of_the_agent_removes_nothing(job: Job):
    job.agent("git sparse-checkout set --no-cone README; echo x >> README")

    job.push()
    assert job.changed() == ["M README"]


def test_names_of_all_kinds_survive(job: Job):
    job.agent(
        r"""
        for name in $'line\nbreak' $'b\xff' 'a "b" \c' 'm b '; do printf x > "$name"; done
        ln -s nowhere link
        mkdir -p d/e; printf x > d/e/f
        rm README; mkdir README; printf x > README/x
        """
    )

    job.push()
    names = git("ls-tree", "-r", "-z", "--name-only", BRANCH, cwd=job.origin).split("\0")
    assert {"line\nbreak", "b\udcff", 'a "b" \\c', "m b ", "link", "d/e/f", "README/x"} <= {*names}


@pytest.mark.parametrize("other", ["optio", f"{BRANCH}/x"])
def test_a_branch_in_the_way_is_named_before_the_agent(tmp_path: Path, origin: Path, other: str):
    git("branch", other, "main", cwd=origin)

    with pytest.raises(Exception, match=f'has a branch "{other}".*set another branchPrefix'):
        Job(tmp_path / "job", origin)


def test_a_head_that_names_a_missing_branch_is_said(tmp_path: Path, origin: Path):
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=origin)

    with pytest.raises(Exception, match=r"names a branch that does not exist.*one of main"):
        Job(tmp_path / "job", origin)


def test_a_branch_over_a_missing_head_is_cloned(tmp_path: Path, origin: Path):
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=origin)
    job = Job(tmp_path / "job", origin, branch="main")
    job.agent("echo x > x")

    job.push()
    assert job.changed() == ["A x"]


def test_a_file_that_a_forge_may_refuse_is_named(job: Job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(push, "LARGE_BYTES", 2**20)
    snapshot = job.agent("truncate -s 2M 'a big one'; truncate -s 1M just-not; git add .")

    assert snapshot is not None
    (sentence,) = push.list_large_files(job.git, snapshot)
    assert sentence.startswith("a big one has 2 MiB")


def test_a_file_with_other_line_ends_is_not_renormalised_by_a_touch(tmp_path: Path):
    bare = make_origin(tmp_path, {"win.txt": b"a\r\nb\r\n", "README": "x\n"})
    seed = tmp_path / "seed"
    (seed / ".gitattributes").write_text("*.txt text\n")
    git("add", ".gitattributes", cwd=seed)
    git("commit", "-qm", "attributes", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    job = Job(tmp_path / "job", bare)
    job.agent("sleep 1.1; touch win.txt; git add -A; echo y >> README; git commit -qam all")

    job.push()
    assert job.changed() == ["M README"]


def test_a_git_that_is_silent_for_long_is_read_to_its_end(
    job: Job, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shell, "UNFINISHED_SHOWN_AFTER_MS", 50)
    output = job.git.read_bytes("sh", "-c", "printf a; sleep 0.5; printf b", cwd=job.workspace)

    assert output.data == b"ab"
