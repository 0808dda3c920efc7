"""Jobs of a build use the toolchains of its image."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chalicelib.runner.build_image.toolchains import open_toolchains, toolchain_variables
from chalicelib.runner.sandbox import job_users

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs jobs as another user")


@pytest.fixture
def home(tmp: Path) -> Path:
    """Return a home as in CodeBuild's images: closed, with toolchains below it."""
    home = tmp / "root"
    for folder in (".pyenv/shims", ".pyenv/versions/3.14/bin", ".dotnet", ".ssh", ".rustup"):
        (home / folder).mkdir(parents=True)
    for name in (".pyenv/versions/3.14/bin/snake", ".dotnet/dotnet"):
        (home / name).write_text("#!/bin/sh\necho works\n")
        (home / name).chmod(0o755)
    shim = home / ".pyenv" / "shims" / "snake"
    shim.write_text(f'#!/bin/sh\nexec {home}/.pyenv/versions/3.14/bin/snake "$@"\n')
    shim.chmod(0o755)
    (home / ".ssh").chmod(0o700)
    (home / ".ssh" / "id").write_text("canary")
    (home / "notes").write_text("canary")
    (home / "notes").chmod(0o600)
    (home / ".pyenv").chmod(0o700)
    home.chmod(0o550)
    return home


@as_root
def test_the_user_of_a_job_runs_what_the_path_of_the_image_names(home: Path):
    path = f"{home}/.dotnet/:{home}/.pyenv/shims:{home}/none:/usr/bin:/bin"
    with job_users.lease_user() as (user, _):
        assert user
        assert user.run_program("sh", "-c", f"PATH={path} snake").returncode != 0

        open_toolchains(path, home)

        for program in ("snake", "dotnet"):
            assert user.run_program("sh", "-c", f"PATH={path} {program}").returncode == 0
        for closed in (f"ls {home}", f"cat {home}/.ssh/id", f"cat {home}/notes"):
            assert user.run_program("sh", "-c", closed).returncode != 0


def test_only_directories_above_parts_of_the_path_are_opened(home: Path):
    open_toolchains(f"{home}/.pyenv/shims:relative::/usr/bin", home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o551
    assert stat.S_IMODE((home / ".pyenv").stat().st_mode) == 0o701
    assert stat.S_IMODE((home / ".ssh").stat().st_mode) == 0o700


def test_a_path_without_the_home_opens_nothing(home: Path):
    open_toolchains("/usr/bin:/bin", home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o550


def test_variables_name_toolchains_that_look_below_the_home(home: Path):
    shown = {"JAVA_HOME": "/usr/lib/jvm/java", "DOTNET_ROOT": "", "AWS_SECRET_ACCESS_KEY": "x"}
    assert toolchain_variables(shown, home) == {
        "JAVA_HOME": "/usr/lib/jvm/java",
        "RUSTUP_HOME": f"{home}/.rustup",
    }
    (home / ".rustup").rmdir()
    assert toolchain_variables({}, home) == {}
