"""Whole jobs over repositories that are not plain: the real runner, as the job's own user."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.fake_runner_api import PlayedApi, do, git, job
from tests.support.repositories import need

COMMIT = "git add -A; git commit -qm work"


def names(report: dict[str, object], origin: Path) -> list[str]:
    return git("diff", "--name-only", "main", str(report["headSha"]), cwd=origin).split()


def test_what_setup_leaves_is_not_pushed_and_not_scanned_as_the_agents(
    api: PlayedApi, tmp: Path, origin: Path
):
    setup = 'echo "//registry/:_authToken=$NPM_TOKEN" > .npmrc; mkdir deps; echo x > deps/x'
    order = job(
        "echo mine > mine",
        origin,
        repo={"setupCommands": setup},
        secrets={"NPM_TOKEN": "npm-token-0123456789"},
    )

    report = do(api, tmp, order)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert names(report, origin) == ["mine"]


@pytest.mark.parametrize("source", ["a secret", "$OPTIO_ENV"])
def test_a_secret_in_a_commit_is_named_and_not_pushed(
    api: PlayedApi, tmp: Path, origin: Path, source: str
):
    setup = "echo TOKEN=value-of-setup-9 >> $OPTIO_ENV" if source == "$OPTIO_ENV" else None
    secrets = {} if setup else {"TOKEN": "value-of-setup-9"}
    order = job("echo $TOKEN > config", origin, repo={"setupCommands": setup}, secrets=secrets)

    report = do(api, tmp, order)

    assert (report["outcome"], report["errorClass"]) == ("failed", "secret")
    assert "the secret TOKEN" in report["errorMessage"]
    assert "config, in the commit" in report["errorMessage"]
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="the job's user reads what its files forbid")
def test_an_unreadable_file_is_left_out_with_a_line(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job("echo x > closed; chmod 0 closed; echo y > y", origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert names(report, origin) == ["y"]
    assert "left out: closed cannot be read" in api.text


@pytest.mark.slow
def test_a_file_over_100_mb_is_told_before_the_push(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job("truncate -s 101M big; echo y > y", origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    lines = api.text.split("\n")
    told = next(n for n, line in enumerate(lines) if line.startswith("big has 101 MiB"))
    assert told < next(n for n, line in enumerate(lines) if line.startswith("pushed "))


def test_an_encrypted_file_stays_encrypted(api: PlayedApi, tmp: Path, origin: Path):
    need("git-crypt")
    seed = tmp / "seed"
    (seed / ".gitattributes").write_text("secret filter=git-crypt diff=git-crypt\n")
    (seed / "secret").write_text("in clear\n")
    for command in ("crypt init", f"crypt export-key {tmp}/key"):
        git(*command.split(), cwd=seed)
    (tmp / "key").chmod(0o644)
    git("add", ".", cwd=seed)
    git("commit", "-qm", "secret", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    key = (tmp / "key").read_bytes().hex()
    setup = (
        'python3 -c \'import os; open(os.environ["HOME"] + "/key", "wb")'
        '.write(bytes.fromhex(os.environ["KEY"]))\'; git-crypt unlock "$HOME/key"'
    )
    command = "grep -q clear secret; echo more >> README; echo more >> secret; " + COMMIT

    report = do(api, tmp, job(command, origin, repo={"setupCommands": setup}, secrets={"KEY": key}))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert names(report, origin) == ["README", "secret"]
    sha = git("rev-parse", f"{report['headSha']}:secret", cwd=origin)
    blob = subprocess.run(
        ("git", "cat-file", "blob", sha), cwd=origin, capture_output=True, check=True
    ).stdout
    assert blob.startswith(b"\0GITCRYPT\0")


def test_work_in_the_middle_of_a_rebase_is_not_pushed(api: PlayedApi, tmp: Path, origin: Path):
    command = f"echo a > README; {COMMIT}; git bisect start; git bisect bad"

    report = do(api, tmp, job(command, origin))

    assert (report["outcome"], report["errorClass"]) == ("failed", "unfinished")
    assert "the agent left an unfinished bisect" in report["errorMessage"]
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


def test_filters_see_what_setup_hands_on(api: PlayedApi, tmp: Path, origin: Path):
    seed = tmp / "seed"
    (seed / ".gitattributes").write_text("*.rot filter=rot\n")
    git("add", ".", cwd=seed)
    git("commit", "-qm", "attributes", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    setup = (
        'mkdir "$HOME/own"; echo "$HOME/own" >> $OPTIO_PATH; echo LETTERS=n-za-m >> $OPTIO_ENV;'
        "printf '#!/bin/sh\\ntr a-z \"$LETTERS\"\\n' > $HOME/own/rotate; chmod +x $HOME/own/rotate;"
        "git config filter.rot.clean rotate"
    )

    report = do(api, tmp, job("echo hello > a.rot", origin, repo={"setupCommands": setup}))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert git("show", f"{report['headSha']}:a.rot", cwd=origin) == "uryyb"
