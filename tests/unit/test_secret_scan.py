"""Secrets in commits: found wherever and however they are, named, and never pushed."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from chalicelib.runner.work.secret_scan import SecretScanner
from tests.support.repositories import BRANCH, Job, git, make_origin, need

VALUE = "k3y/with+odd=parts#9"
NAMED = [("NPM_TOKEN", VALUE), ("OTHER", "another-value-77")]
KEY = "\n".join(
    [
        "-----BEGIN PRIVATE KEY-----",
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQ1p0c2VjcmV0a2V5",
        "c29tZXRoaW5nMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJD",
        "-----END PRIVATE KEY-----",
    ]
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        tmp_path / "job", make_origin(tmp_path, {"README": "hello\n", "old": "known-value\n"})
    )


FORMS = {
    "as it is": VALUE,
    "quoted": quote(VALUE, safe=""),
    "base64": base64.b64encode(f"user:{VALUE}".encode()).decode(),
    "hex": VALUE.encode().hex(),
}
PLACES = {
    "a file": "echo {} > x",
    "a committed file": "echo {} > x; git add .; git commit -qm x",
    "a file that is gone": (
        "echo {} > x; git add .; git commit -qm x; git rm -q x; echo y > y; git add .;"
        "git commit -qm y"
    ),
    "a binary file": "printf 'a\\0b%s\\0' '{}' > x",
    "a message": "echo x > x; git add .; git commit -qm 'use {}'",
    "an author": "echo x > x; git add .; git commit -qm x --author '{} <a@b>'",
    "a committer": "echo x > x; git add .; GIT_COMMITTER_EMAIL={} git commit -qm x",
    "a side branch": (
        "git switch -qc side; echo {} > x; git add .; git commit -qm s; git switch -q main"
    ),
    "a merge": (
        "git switch -qc side; echo s > x; git add .; git commit -qm s; git switch -q main;"
        "echo m > x; git add .; git commit -qm m; git merge side || true;"
        "echo {} > x; git add .; git commit -qm merged"
    ),
    "a binary file of a merge": (
        "printf 'a\\0' > x; git add .; git commit -qm a; git switch -qc side;"
        "printf 's\\0' > x; git commit -qam s; git switch -q main;"
        "printf 'm\\0' > x; git commit -qam m; git merge side || true;"
        "printf 'a\\0%s\\0' '{}' > x; git commit -qam merged"
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_secret_is_found_and_named(job: Job, place: str, form: str):
    job.agent(place.replace("{}", form))
    snapshot = job.scan(NAMED)

    assert snapshot.refused is not None
    assert snapshot.refused.error_class == "secret"
    assert "the secret NPM_TOKEN is in" in snapshot.refused.reason
    assert snapshot.commits[0][:12] in snapshot.refused.reason or "merge" in place
    assert form not in snapshot.refused.reason


def test_a_secret_in_the_name_of_a_file_is_found(job: Job):
    job.agent("echo x > another-value-77.txt")
    snapshot = job.scan(NAMED)

    assert snapshot.refused is not None
    assert "the secret OTHER is in the name of a file" in snapshot.refused.reason


def test_a_secret_in_the_name_of_the_branch_is_found(job: Job):
    job.agent("echo x > x")
    snapshot = job.scan(NAMED, branch="optio/another-value-77")

    assert snapshot.refused is not None
    assert "the secret OTHER is in the name of the branch" in snapshot.refused.reason


def test_the_file_and_the_commit_are_named(job: Job):
    job.agent(f"mkdir d; echo x > d/x; git add .; git commit -qm x; echo '{VALUE}' >> d/x")
    snapshot = job.scan(NAMED)

    assert snapshot.refused is not None
    where = f"d/x, in the commit {snapshot.head[:12]}"
    assert snapshot.refused.reason == f"the secret NPM_TOKEN is in {where}: nothing is pushed"


@pytest.mark.parametrize("lines", [KEY, KEY.splitlines()[2]], ids=["whole", "a line"])
def test_a_key_of_many_lines_is_found_by_any_line_of_its_own(job: Job, lines: str):
    job.agent(f"echo '{lines}' > key.pem")
    snapshot = job.scan([("DEPLOY_KEY", KEY)])

    assert snapshot.refused is not None
    assert "DEPLOY_KEY is in key.pem" in snapshot.refused.reason


NO_SECRETS = {
    "the frame of a key": ("KEY", KEY, "echo '-----BEGIN PRIVATE KEY-----' > x"),
    "a setting": (
        "ACCOUNT",
        '{\n  "type": "service_account",\n  "key": "MIGHAgEAMBMGByqGSM49AgEG99"\n}',
        """echo '  "type": "service_account",' > x""",
    ),
    "a line that was there": ("WORD", "hello world 1", "sed -i s/hello/hello,/ README"),
}


@pytest.mark.parametrize("name, value, agent", NO_SECRETS.values(), ids=NO_SECRETS)
def test_ordinary_text_is_no_secret(job: Job, name: str, value: str, agent: str):
    job.agent(agent)

    assert job.scan([(name, value)]).refused is None
    job.push()


def test_short_values_and_those_of_the_base_are_not_looked_for_and_named(job: Job):
    job.agent("echo main known-value > x")
    snapshot = job.scan([("BRANCH", "main"), ("WORD", "known-value")])

    assert snapshot.refused is None
    assert "not looked for in commits, shorter than 8 characters: BRANCH" in snapshot.notices
    assert "not looked for in commits, since the base has it: WORD" in snapshot.notices
    job.push()


def test_a_removed_secret_is_no_hit(tmp_path: Path):
    bare = make_origin(tmp_path, {"README": f"{VALUE}\nhello\n"})
    job = Job(tmp_path / "job", bare)
    job.agent("echo hello > README")

    assert job.scan(NAMED).refused is None


def test_what_setup_wrote_is_neither_pushed_nor_in_the_way(job: Job):
    job.setup(f"echo '//registry/:_authToken={VALUE}' > .npmrc").agent("git add -A; echo x > x")

    assert job.scan(NAMED).refused is None
    job.push()
    assert job.changed() == ["A x"]
    assert VALUE not in git("log", "-p", BRANCH, cwd=job.origin)


def test_the_last_half_of_two_values_under_one_name_is_looked_for():
    scanner = SecretScanner([("ENV", "first-value-1"), ("ENV", "second-value-2")])

    assert scanner.find_secret(b"a second-value-2 b") == "ENV"
    assert scanner.find_secret(b"nothing") is None


def test_a_secret_in_a_file_of_lfs_is_found(tmp_path: Path):
    need("git-lfs")
    bare = make_origin(tmp_path, {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    job = Job(tmp_path / "job", bare).setup("git lfs install --local")
    job.agent(f"printf '%s' '{VALUE}' > new.bin; git add .; git commit -qm new")
    snapshot = job.scan(NAMED)

    assert snapshot.refused is not None
    assert "the secret NPM_TOKEN is in the file in Git LFS" in snapshot.refused.reason


def test_a_file_of_settings_is_looked_for_though_the_base_has_its_longest_line(tmp_path: Path):
    public = "# every setting is explained at https://docs.example.com/settings/v1234567890123456"
    origin = make_origin(tmp_path, {"README": "hello\n", ".env.example": f"{public}\nTOKEN=\n"})
    job = Job(tmp_path / "job", origin)
    job.agent("echo 'x = \"a9f31c77d02b4e58ab\"' > config.py")

    snapshot = job.scan([("ENV_FILE", f"{public}\nTOKEN=a9f31c77d02b4e58ab\n")])

    assert snapshot.refused is not None
    assert "ENV_FILE is in config.py" in snapshot.refused.reason
