"""Git commands over a job's repository and files, with the rights of the job's user.

Index and objects that such a command writes go to a scratch directory of the runner: nothing that
a job left in its repository decides where they go.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.repository.git import SAFE_OPTIONS, Git, GitBytes

_EXACT = (
    *("-c", "core.splitIndex=false"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.sparseCheckout=false"),
    *("-c", "core.commitGraph=false"),
    *("-c", "core.multiPackIndex=false"),
    *("-c", "core.trustctime=true"),
    *("-c", "core.checkStat=default"),
    *("-c", "core.safecrlf=false"),
    *("-c", "core.bare=false"),
    *("-c", "index.sparse=false"),
)
"""Settings that would hide a change, or write something that only this repository understands."""

_OWN_CONFIG = b"""[core]
\tattributesFile = "%s/attributes"
\texcludesFile = "%s/excludes"
\thooksPath = /dev/null
\tfsmonitor = false
"""


PATIENCE_SECONDS = 1200.0
_LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class RepositorySetup:
    """Configuration and attributes of a job's repository after its setup."""

    config: bytes = b""
    attributes: bytes = b""
    global_attributes: bytes = b""
    global_excludes: bytes = b""
    filters: frozenset[str] = frozenset()
    """Filter drivers that make something of a file: those with `clean` or `process`."""
    filter_words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    filter_programs: frozenset[str] = frozenset()
    """Files that the words of the filters' commands name, with their hashes."""
    distrusted: Mapping[str, str] = field(default_factory=dict)
    """Filter drivers that are not run, with the program that the agent changed."""
    hidden_contents: frozenset[str] = frozenset()
    """Hashes of filtered files as programs see them after setup, with their paths."""
    null_sha: str = "0" * 40
    """The object id of nothing, as long as the repository's hash."""
    head: bytes = b""
    shallow: bytes = b""
    """The files of the repository that it cannot be without."""


@dataclass(frozen=True)
class JobRepository:
    """A job's repository, and where the runner works on it."""

    git: Git
    workspace: Path
    scratch: Path
    """Owned by the job's user; no program of the job runs while it is used."""
    inputs: Path
    """Owned by the runner: what its commands read on their standard input."""
    setup: RepositorySetup
    deadline: float
    stuck: set[str] = field(default_factory=set)
    """Commands that did not end in time, and are not started again."""

    @classmethod
    def open_repository(
        cls,
        git: Git,
        workspace: Path,
        environment: Mapping[str, str],
        setup: RepositorySetup,
        seconds: float = PATIENCE_SECONDS,
    ) -> JobRepository:
        draft, inputs = git.private(), git.private()
        scratch = git.locate_shared(draft)
        (draft / "objects").mkdir()
        (draft / "attributes").write_bytes(setup.global_attributes)
        (draft / "excludes").write_bytes(setup.global_excludes)
        own_config = _OWN_CONFIG % ((os.fsencode(scratch),) * 2)
        (draft / "config").write_bytes(setup.config + own_config)
        if git.job_user:
            git.job_user.give_ownership(draft)
        draft.rename(scratch)
        deadline = time.monotonic() + seconds
        return cls(git.as_job(environment), workspace, scratch, inputs, setup, deadline)

    def remove_scratch(self) -> None:
        """Remove the scratch directory, which must not be used a second time."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.inputs, ignore_errors=True)

    @contextmanager
    def open_scratch(self, name: str, flags: int) -> Iterator[int]:
        """Open a file of the scratch directory, through no link that a program put there."""
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        above = os.open(self.scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            file = os.open(name, flags, 0o600, dir_fd=above)
        finally:
            os.close(above)
        try:
            yield file
        finally:
            os.close(file)

    @property
    def git_directory(self) -> Path:
        return self.workspace / ".git"

    def run_git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: str = "index",
        work_tree: Path | None = None,
        options: Iterable[str] = (),
        into: BinaryIO | None = None,
    ) -> GitBytes:
        """Run git on the job's repository with an index and objects of the runner's."""
        rules = (
            *("-c", f"core.attributesFile={self.scratch / 'attributes'}"),
            *("-c", f"core.excludesFile={self.scratch / 'excludes'}"),
        )
        argv = ("git", *SAFE_OPTIONS, *_EXACT, *rules, *options, *arguments)
        variables = self._index_variables(index)
        return self._run_program(argv, stdin, work_tree or self.workspace, variables, into)

    def read_bytes(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: str = "index",
        options: Iterable[str] = (),
    ) -> bytes:
        """Return what a git command prints; raise where it fails."""
        output = self.run_git(*arguments, stdin=stdin, index=index, options=options)
        if output.code != 0:
            raise JobFailed(ErrorClass.PUSH, f"git {arguments[0]} failed: {output.failure_reason}")
        return output.data

    def read_text(self, *arguments: str, stdin: bytes = b"", index: str = "index") -> str:
        return (
            self.read_bytes(*arguments, stdin=stdin, index=index).decode(errors="replace").strip()
        )

    def run_script(self, script: str, *arguments: str, stdin: bytes = b"") -> GitBytes:
        """Run a shell script in the workspace; `git` in it means the job's own repository."""
        variables = {"GIT_OPTIONAL_LOCKS": "0"}
        return self._run_program(
            ("/bin/sh", "-c", script, "sh", *arguments), stdin, self.workspace, variables
        )

    def run_script_on_index(
        self, script: str, *arguments: str, variables: Mapping[str, str]
    ) -> GitBytes:
        """Run a shell script whose `git` works on the scratch directory's index and objects."""
        argv = ("/bin/sh", "-c", script, "sh", *arguments)
        return self._run_program(
            argv, b"", self.workspace, self._index_variables("index") | dict(variables)
        )

    def _index_variables(self, index: str) -> dict[str, str]:
        return {
            "GIT_DIR": str(self.git_directory),
            "GIT_INDEX_FILE": str(self.scratch / index),
            "GIT_OBJECT_DIRECTORY": str(self.scratch / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.git_directory / "objects"),
            "GIT_CONFIG_GLOBAL": str(self.scratch / "config"),
            "GIT_GRAFT_FILE": os.devnull,
            "GIT_OPTIONAL_LOCKS": "0",
        }

    def _run_program(
        self,
        argv: tuple[str, ...],
        stdin: bytes,
        work_tree: Path,
        variables: dict[str, str],
        into: BinaryIO | None = None,
    ) -> GitBytes:
        if "GIT_DIR" in variables:
            variables.setdefault("GIT_WORK_TREE", str(work_tree))
        source = Path(os.devnull)
        if stdin:
            source = self.inputs / "stdin"
            source.write_bytes(stdin)
        return self.git.read_bytes(
            *argv, cwd=work_tree, stdin=source, into=into, seconds=self._seconds_left, **variables
        )

    @property
    def _seconds_left(self) -> float:
        """Half of what is left: one command that hangs leaves time for all others."""
        return max((self.deadline - time.monotonic()) / 2, _LEAST_SECONDS)


def encode_paths(paths: Iterable[str]) -> bytes:
    """Return paths as git reads them: as bytes that end in zero each."""
    return b"".join(encode_path(path) + b"\0" for path in paths)


def encode_path(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def decode_path(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def split_zero(data: bytes) -> list[str]:
    """Return the fields of an output that end in zero bytes."""
    return [decode_path(field) for field in data.split(b"\0")[:-1]]
