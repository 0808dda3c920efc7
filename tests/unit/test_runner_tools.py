"""The agents' programs, where the jobs' user can run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.runner.api import RunnerApi
from chalicelib.runner.sandbox import job_users
from chalicelib.runner.sandbox.agent_programs import find_programs
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.worker import Runner

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs jobs as another user")


@pytest.fixture
def user() -> Iterator[JobUser | None]:
    with job_users.lease_user() as (user, _):
        yield user


@as_root
@pytest.mark.parametrize("closed_too", [False, True])
def test_a_program_of_a_project_runs_with_what_lies_beside_it(
    closed_too: bool, tmp: Path, monkeypatch: pytest.MonkeyPatch, user: JobUser | None
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    closed, modules = tmp / "closed", tmp / "node_modules"
    for folder in (closed, modules / "tool", modules / "sibling"):
        folder.mkdir(parents=True, mode=0o755)
    shutil.copy2("/bin/sh", closed / "shell")
    closed.chmod(0o700)
    (modules / "sibling" / "words").write_text("1.0\n")
    program = modules / "tool" / "tool"
    program.write_text(
        '#!/usr/bin/env shell\ncat "$(dirname "$(readlink -f "$0")")"/../sibling/words\n'
    )
    program.chmod(0o755)
    (modules / ".package-lock.json").write_text("{}")
    if closed_too:
        modules.chmod(0o700)
    monkeypatch.setenv("PATH", f"{closed}:{program.parent}:/usr/bin:/bin")

    tools = find_programs(user, ("tool",))

    try:
        assert tools.unusable == {}
        assert tools.directory is not None
        copied = (tools.directory / "bin" / "tool").resolve() != program
        assert copied is closed_too
    finally:
        tools.remove_copies()


NODE = shutil.which("node")
SCRIPT = """#!/usr/bin/env node
const { createRequire } = require("module");
const { spawnSync } = require("child_process");
const path = require("path");
const native = path.join(
  path.dirname(createRequire(__filename).resolve("@acme/tool-native/package.json")), "bin", "tool"
);
process.exit(spawnSync(native, process.argv.slice(2), { stdio: "inherit" }).status);
"""


def installed(prefix: Path, *, globally: bool) -> Path:
    """Install a program as npm does: a launcher, a script, and a native program it looks for.

    npm keeps what a package needs inside it where that is installed globally, beside it in a
    project. Return the directory of launchers.
    """
    modules = prefix / ("lib/node_modules" if globally else "node_modules")
    package = modules / "@acme" / "tool"
    needed = (package / "node_modules" if globally else modules) / "@acme" / "tool-native"
    binaries = prefix / "bin" if globally else modules / ".bin"
    for folder in (package / "bin", needed / "bin", binaries):
        folder.mkdir(parents=True)
    for folder, name in ((package, "@acme/tool"), (needed, "@acme/tool-native")):
        (folder / "package.json").write_text(json.dumps({"name": name, "version": "1.2.3"}))
    if not globally:
        (modules / ".package-lock.json").write_text("{}")
    (package / "bin" / "tool.js").write_text(SCRIPT)
    (needed / "bin" / "tool").write_text("#!/bin/sh\necho tool 1.2.3\n")
    for program in (package / "bin" / "tool.js", needed / "bin" / "tool"):
        program.chmod(0o700)
    launcher = binaries / "tool"
    launcher.symlink_to(os.path.relpath(package / "bin" / "tool.js", binaries))
    return binaries


@as_root
@pytest.mark.skipif(NODE is None, reason="NO node ON THIS MACHINE: npm's layout is not tried")
@pytest.mark.parametrize("globally", [False, True], ids=["of a project", "globally"])
def test_an_npm_package_under_a_closed_home_is_copied_with_what_it_looks_for(
    globally: bool, tmp: Path, monkeypatch: pytest.MonkeyPatch, user: JobUser | None
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    home = tmp / "home"
    binaries = installed(home, globally=globally)
    home.chmod(0o700)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")

    tools = find_programs(user, ("tool",))

    try:
        assert tools.unusable == {}
        assert tools.directory is not None
        monkeypatch.setenv("PATH", tools.search_path())
        assert shutil.which("tool") == str(tools.directory / "bin" / "tool")
        assert ran_as("tool", user) == "tool 1.2.3"
        for each in tools.directory.rglob("*"):
            assert each.is_symlink() or (each.stat().st_uid, each.stat().st_mode & 0o022) == (0, 0)
    finally:
        tools.remove_copies()
    assert not tools.directory.exists()


def ran_as(name: str, user: JobUser | None) -> str:
    assert user is not None
    done = subprocess.run(
        [name],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        cwd="/",
        user=user.number,
        group=user.number,
        extra_groups=(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@as_root
def test_a_program_that_fails_though_it_is_open_is_named_with_its_words(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, user: JobUser | None
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    program = tmp / "tool"
    program.write_text("#!/bin/sh\necho no such library >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp}:{os.environ['PATH']}")

    tools = find_programs(user, ("tool", "another"))

    assert list(tools.unusable) == ["tool"]
    assert "exited 127: no such library" in tools.unusable["tool"]
    assert tools.directory is None


@as_root
def test_a_single_file_under_a_closed_home_is_copied_alone(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, user: JobUser | None
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    home = tmp / "home"
    home.mkdir()
    (home / "tool").write_text("#!/bin/sh\necho tool 7\n")
    (home / "private").write_text("not for jobs")
    (home / "tool").chmod(0o700)
    home.chmod(0o700)
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")

    tools = find_programs(user, ("tool",))

    try:
        monkeypatch.setenv("PATH", tools.search_path())
        assert (tools.unusable, ran_as("tool", user)) == ({}, "tool 7")
        assert tools.directory is not None
        assert not list(tools.directory.rglob("private"))
    finally:
        tools.remove_copies()


def test_who_is_not_root_tries_nothing():
    assert find_programs(None, ("sh",)).search_path() == os.environ["PATH"]


@as_root
def test_a_runner_that_starts_beside_leaves_the_trial_of_a_program_alone(
    tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    told = []

    def looked(user: JobUser | None, **_: object) -> None:
        job_users.end_stale()  # as another runner does when it starts
        with job_users.lease_user() as (other, _):
            told.append((user, other))
        raise KeyboardInterrupt

    monkeypatch.setattr("chalicelib.runner.sandbox.agent_programs.find_programs", looked)
    with pytest.raises(KeyboardInterrupt):
        Runner(RunnerApi("http://127.0.0.1:9", "token"), "one").run_workers()
    ((trying, other),) = told
    assert trying is not None
    assert other != trying
