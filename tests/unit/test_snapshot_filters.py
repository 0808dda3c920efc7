"""Repositories with filters: real git-crypt, real Git LFS, and drivers that a test writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.runner.work import kept_work
from tests.support.repositories import BRANCH, Job, commit_files, git, make_origin, need

SECRET = "PASSWORD=correct-horse-battery\n"
ROT13 = "git config filter.rot.clean 'tr a-z n-za-m'; git config filter.rot.smudge 'tr a-z n-za-m'"
ROT13_FILES: dict[str, str | bytes] = {
    ".gitattributes": "*.rot filter=rot\n",
    "words.rot": "uryyb\n",
    "README": "hello\n",
}


@pytest.fixture
def crypt(tmp_path: Path) -> Path:
    """A repository whose `secret/` is encrypted by git-crypt, with its key beside it."""
    need("git-crypt")
    bare = make_origin(tmp_path, {"README": "hello\n"})
    seed = tmp_path / "seed"
    (seed / ".gitattributes").write_text("secret/** filter=git-crypt diff=git-crypt\n")
    (seed / "secret").mkdir()
    (seed / "secret" / "env").write_text(SECRET)
    run = Job.__new__(Job)
    run.root = tmp_path / "owner"
    (run.root / "home").mkdir(parents=True)
    (run.root / "workspace").symlink_to(seed)
    run.run(f"git-crypt init; git-crypt export-key {tmp_path}/key; git add .; git commit -qm c")
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    return bare


def unlocked(tmp_path: Path, crypt: Path) -> Job:
    return Job(tmp_path / "job", crypt).setup(f"git-crypt unlock {tmp_path}/key; cat secret/env")


def raw(job: Job, path: str) -> bytes:
    """Return the bytes that were pushed for a path."""
    text = git("cat-file", "blob", f"{BRANCH}:{path}", cwd=job.origin)
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "agent",
    [
        "echo x >> README",
        "echo x >> README; touch secret/env",
        "echo x >> README; git commit -qam x",
        "echo x >> README; rm .git/index",
    ],
)
def test_a_decrypted_file_that_nobody_changed_stays_encrypted(
    tmp_path: Path, crypt: Path, agent: str
):
    job = unlocked(tmp_path, crypt)
    job.agent(agent)

    job.push()
    assert job.changed() == ["M README"]


@pytest.mark.parametrize("commit", ["true", "git add .; git commit -qm x"])
def test_a_changed_and_a_new_file_are_pushed_encrypted(tmp_path: Path, crypt: Path, commit: str):
    job = unlocked(tmp_path, crypt)
    job.agent(f"echo MORE=1 >> secret/env; echo NEW=1 > secret/new; {commit}")

    job.push()
    assert job.changed() == ["M secret/env", "A secret/new"]
    for name in ("secret/env", "secret/new"):
        assert raw(job, name).startswith(b"\0GITCRYPT\0")


LOSES = {
    "attributes": "echo '' > .gitattributes; echo MORE=1 >> secret/env",
    "attributes of its own": "echo 'env -filter' > secret/.gitattributes; echo M=1 >> secret/env",
    "attributes in .git": "mkdir -p .git/info; echo 'secret/** -filter' > .git/info/attributes;"
    "echo MORE=1 >> secret/env; git add .; git commit -qm x",
    "a command": "echo MORE=1 >> secret/env; git -c filter.git-crypt.clean=cat commit -qam x",
    "no command": "git config --unset filter.git-crypt.clean; git config filter.git-crypt.required "
    "false; echo MORE=1 >> secret/env; git commit -qam x",
    "a commit in between": "echo M=1 >> secret/env;"
    "git -c filter.git-crypt.clean=cat commit -qam x; git rm -q -f secret/env; git commit -qm gone",
}


@pytest.mark.parametrize("agent", LOSES.values(), ids=LOSES)
def test_a_file_that_loses_its_filter_is_not_pushed_in_clear(
    tmp_path: Path, crypt: Path, agent: str
):
    job = unlocked(tmp_path, crypt)
    snapshot = job.agent(agent)

    assert snapshot is not None
    assert snapshot.refused is not None, git("log", "-p", snapshot.head, cwd=snapshot.repository)
    assert "not pushed in clear: secret/env" in snapshot.refused.reason
    assert snapshot.refused.error_class == "filter"


MOVES = {
    "copied": "cp secret/env plain",
    "moved": "mv secret/env plain; git add -A; git commit -qm x",
    "changed, then copied": "echo MORE=1 >> secret/env; cp secret/env plain",
    "in a commit in between": "cp secret/env plain; git add plain; git commit -qm x;"
    "git rm -q plain; git commit -qm gone; echo x >> README",
}


@pytest.mark.parametrize("agent", MOVES.values(), ids=MOVES)
def test_the_content_of_a_filtered_file_is_not_pushed_under_another_name(
    tmp_path: Path, crypt: Path, agent: str
):
    job = unlocked(tmp_path, crypt)
    snapshot = job.agent(agent)

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "plain: it is the content of secret/env" in snapshot.refused.reason
    assert snapshot.in_clear == {"plain"}
    kept = kept_work.pack_work(job.git, snapshot, (), finished=True)
    assert "work.bundle" not in {output.name for output in kept.files}
    assert SECRET.strip().encode() not in b"".join(kept.files.values())


def test_an_empty_file_is_no_content_of_a_filtered_one(tmp_path: Path, crypt: Path):
    job = unlocked(tmp_path, crypt)
    job.agent(": > secret/empty; : > plain; echo x >> README")
    job.push()
    assert "A plain" in job.changed()


def test_a_locked_file_may_be_moved_but_not_changed(tmp_path: Path, crypt: Path):
    job = Job(tmp_path / "job", crypt)
    snapshot = job.agent("echo x >> secret/env")

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "its filter 'git-crypt' is not set up in this job" in snapshot.refused.reason
    untouched = Job(tmp_path / "other", crypt)
    untouched.agent("touch secret/env; echo x >> README")
    untouched.push()
    assert untouched.changed() == ["M README"]


@pytest.fixture
def lfs(tmp_path: Path) -> Path:
    """A repository with one file in Git LFS, whose content is stored beside it."""
    need("git-lfs")
    bare = make_origin(tmp_path, {"README": "hello\n"})
    seed = tmp_path / "seed"
    (seed / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 5\n"
    )
    (seed / "big.bin").write_text(pointer)
    commit_files(seed, {})
    return bare


@pytest.mark.parametrize("install", ["git lfs install --local", "git lfs install --skip-repo"])
@pytest.mark.parametrize("agent", ["true", "touch big.bin", "git add -A"])
def test_untouched_files_of_lfs_stay_pointers(tmp_path: Path, lfs: Path, install: str, agent: str):
    job = Job(tmp_path / "job", lfs)
    oid = sha256_of(b"12345")
    place = f".git/lfs/objects/{oid[:2]}/{oid[2:4]}"
    job.setup(f"{install}; mkdir -p {place}; printf 12345 > {place}/{oid}; git lfs checkout")
    job.agent(f"{agent}; echo x >> README")

    job.push()
    assert job.changed() == ["M README"]


def sha256_of(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("commit", ["true", "git add .; git commit -qm x"])
def test_a_new_file_of_lfs_is_pushed_as_a_pointer(tmp_path: Path, lfs: Path, commit: str):
    job = Job(tmp_path / "job", lfs).setup("git lfs install --local")
    job.agent(f"printf content > new.bin; {commit}")

    assert job.snapshot is not None
    assert job.snapshot.refused is None
    text = git("show", f"{job.snapshot.head}:new.bin", cwd=job.snapshot.repository)
    assert text.startswith("version https://git-lfs.github.com/spec/v1\noid sha256:")
    job.push()
    oid = sha256_of(b"content")
    stored = job.origin / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    assert stored.read_bytes() == b"content"


def test_an_object_of_lfs_is_what_its_pointer_says_or_is_not_taken(tmp_path: Path, lfs: Path):
    job = Job(tmp_path / "job", lfs).setup("git lfs install --local")
    oid = sha256_of(b"content")
    place = f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
    spoil = f"chmod +w {place}; echo other > {place}"
    snapshot = job.agent(
        f"printf content > new.bin; git add .; git commit -qm new; printf more > new.bin; {spoil}"
    )

    assert snapshot is not None
    assert snapshot.lfs_objects == (sha256_of(b"more"),)


def test_a_filter_that_is_not_set_up_lets_no_change_through(tmp_path: Path):
    bare = make_origin(tmp_path, {".gitattributes": "*.x filter=unknown\n", "a.x": "made\n"})
    snapshot = Job(tmp_path / "job", bare).agent("echo in clear > a.x")

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "a.x: its filter 'unknown' is not set up in this job" in snapshot.refused.reason


def test_a_merged_pointer_needs_no_program(tmp_path: Path, lfs: Path):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'b' * 64}\nsize 12\n"
    job = Job(tmp_path / "job", lfs)
    job.agent(f"printf '{pointer}' > big.bin")

    job.push()
    assert job.changed() == ["M big.bin"]


def test_a_filter_that_fails_leaves_the_file_out(tmp_path: Path):
    bare = make_origin(tmp_path, ROT13_FILES)
    snapshot = (
        Job(tmp_path / "job", bare)
        .setup(f"{ROT13}; git config filter.rot.clean 'exit 1'")
        .agent("echo more >> words.rot; echo x >> README")
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "not pushed in clear: words.rot: its filter 'rot' failed" in snapshot.refused.reason
    assert git("show", f"{snapshot.head}:words.rot", cwd=snapshot.repository) == "uryyb"


def test_a_filter_without_a_command_of_setup_is_not_run(tmp_path: Path):
    bare = make_origin(tmp_path, {"README": "hello\n"})
    job = Job(tmp_path / "job", bare)
    job.agent(
        f"git config filter.x.clean 'touch {tmp_path}/ran; cat'; echo '* filter=x' > .gitattributes"
    )

    job.push()
    assert job.changed() == ["A .gitattributes"]
    assert not (tmp_path / "ran").exists()


def test_an_agent_may_begin_to_use_a_filter_of_setup(tmp_path: Path):
    bare = make_origin(tmp_path, {"README": "hello\n"})
    job = Job(tmp_path / "job", bare).setup(ROT13)
    job.agent("echo '*.rot filter=rot' > .gitattributes; echo hello > new.rot")

    job.push()
    assert job.show("new.rot") == "uryyb"


def test_a_filter_that_makes_other_bytes_each_time_is_not_made_twice(tmp_path: Path):
    bare = make_origin(
        tmp_path, {".gitattributes": "*.x filter=rand\n", "a.x": "1:hello\n", "README": "hello\n"}
    )
    job = Job(tmp_path / "job", bare).setup(
        "git config filter.rand.clean 'sed s/^/$RANDOM$$.$(date +%N):/';"
        "git config filter.rand.smudge 'cut -d: -f2-';"
        "rm a.x; git checkout -q a.x; test $(cat a.x) = hello"
    )
    snapshot = job.agent("echo more >> a.x; git commit -qam mine; echo x >> README")

    assert snapshot is not None
    assert snapshot.refused is None
    job.push()
    assert job.changed() == ["M README", "M a.x"]
    changed = git("show", "--format=", "--name-only", BRANCH, cwd=job.origin)
    assert changed == "README"


SCRIPTS = {
    "a script of the workspace": ("tools/rot", "./tools/rot"),
    "a script that a shell runs": ("tools/rot", "sh tools/rot %f"),
    "an absolute path": ("tools/rot", "$PWD/tools/rot"),
    "a script of the home": ("../home/rot", "~/rot"),
}


@pytest.mark.parametrize(("script", "command"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_filter_whose_program_the_agent_changed_is_not_run(
    tmp_path: Path, script: str, command: str
):
    program = "#!/bin/sh\nexec tr a-z n-za-m\n"
    bare = make_origin(tmp_path, {**ROT13_FILES, "tools/rot": program})
    job = Job(tmp_path / "job", bare).setup(
        f"chmod +x tools/rot; [ -e {script} ] || cp tools/rot {script};"
        f"git config filter.rot.clean \"{command}\"; git config filter.rot.smudge 'tr a-z n-za-m';"
        "rm words.rot; git checkout -q words.rot"
    )
    snapshot = job.agent(
        f"printf '#!/bin/sh\\ntouch {tmp_path}/ran; exec cat\\n' > {script};"
        "echo more >> words.rot; echo x >> README"
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "filter"
    assert "which was changed" in snapshot.refused.reason
    assert not (tmp_path / "ran").exists()
    assert snapshot.in_clear == {"words.rot"}


def test_a_program_in_front_of_a_filters_own_is_not_run(tmp_path: Path):
    bare = make_origin(tmp_path, ROT13_FILES)
    (tmp_path / "bin").mkdir()

    class WithPath(Job):
        @property
        def environment(self) -> dict[str, str]:
            own = super().environment
            return {**own, "PATH": f"{own['PATH']}:{tmp_path}/bin"}

    (tmp_path / "bin" / "rot").write_text("#!/bin/sh\nexec tr a-z n-za-m\n")
    (tmp_path / "bin" / "rot").chmod(0o755)
    job = WithPath(tmp_path / "job", bare).setup(
        "git config filter.rot.clean rot; git config filter.rot.smudge rot;"
        "rm words.rot; git checkout -q words.rot"
    )
    snapshot = job.agent(
        f"printf '#!/bin/sh\\nexec cat\\n' > {tmp_path}/bin/rot; echo more >> words.rot"
    )

    assert snapshot is not None
    assert snapshot.refused is not None
    assert f"runs {tmp_path}/bin/rot, which was changed" in snapshot.refused.reason


def test_other_files_are_pushed_beside_a_filters_changed_program(tmp_path: Path):
    bare = make_origin(tmp_path, {**ROT13_FILES, "tools/rot": "exec tr a-z n-za-m\n"})
    job = Job(tmp_path / "job", bare).setup(
        "git config filter.rot.clean 'sh tools/rot'; git config filter.rot.smudge 'sh tools/rot';"
        "rm words.rot; git checkout -q words.rot"
    )
    job.agent("echo '# new' >> tools/rot; echo x >> README; sleep 1; touch words.rot")

    job.push()
    assert job.changed() == ["M README", "M tools/rot"]


def test_the_content_of_a_file_whose_filter_is_not_run_is_not_pushed_elsewhere(tmp_path: Path):
    bare = make_origin(tmp_path, {**ROT13_FILES, "tools/rot": "exec tr a-z n-za-m\n"})
    job = Job(tmp_path / "job", bare).setup(
        "git config filter.rot.clean 'sh tools/rot'; git config filter.rot.smudge 'sh tools/rot';"
        "rm words.rot; git checkout -q words.rot"
    )
    snapshot = job.agent("echo '# new' >> tools/rot; git mv words.rot plain")

    assert snapshot is not None
    assert snapshot.refused is not None
    assert "plain: it is the content of words.rot" in snapshot.refused.reason
