"""Lets jobs use the toolchains of a build's image, which lie below the closed home of root.

CodeBuild's own images keep Python, Ruby, Go, PHP, .NET and Rust there:
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/x86_64/standard/6.0/Dockerfile
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = ("DOTNET_ROOT", "JAVA_HOME")
_RUST_DIRECTORY = ".rustup"


def open_toolchains(search_path: str, home: Path) -> None:
    """Let other users enter the directories above each part of a `PATH` below `home`.

    They may enter those directories, not list them, and the rights of all files stay as they are.
    This is for a machine that is used for one job: it opens `home`.
    """
    for folder in filter(None, search_path.split(os.pathsep)):
        path = Path(os.path.normpath(folder))
        if path.is_relative_to(home) and path.is_dir():
            for each in (home, *_between(home, path)):
                mode = stat.S_IMODE(each.stat().st_mode)
                if not mode & stat.S_IXOTH:
                    each.chmod(mode | stat.S_IXOTH)


def toolchain_variables(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the variables by which toolchains find their files if the home is another."""
    variables = {name: environment[name] for name in _VARIABLES if environment.get(name)}
    rust = home / _RUST_DIRECTORY
    return {**variables, **({"RUSTUP_HOME": str(rust)} if rust.is_dir() else {})}


def _between(home: Path, path: Path) -> list[Path]:
    """Return the directories below `home` down to `path`, the outermost first."""
    inner = [each for each in path.parents if each.is_relative_to(home) and each != home]
    return [*reversed(inner), path]
