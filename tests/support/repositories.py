"""Jobs over real repositories, in this process: clone, setup, agent and snapshot with real git."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import RepoSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository import checkout
from chalicelib.runner.repository.base_branch import find_published
from chalicelib.runner.repository.checkout import Checkout
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.setup_state import SetupState, record_setup_state
from chalicelib.runner.work import push
from chalicelib.runner.work.secret_scan import SecretScanner, scan_snapshot
from chalicelib.runner.work.snapshot import Snapshot, SnapshotRequest
from chalicelib.runner.work.take_snapshot import take_snapshot

BRANCH = "optio/task-ab12cd34"
_INSTALL_SECONDS = 120


@dataclass
class Job:
    """One running job, with a shell that plays setup and agent."""

    root: Path
    origin: Path
    branch: str | None = None
    continues: bool = False
    includes_setup: bool = False
    seconds: float = 60.0
    log: JobLog = field(default_factory=lambda: JobLog(Redactor([])))
    start: Checkout = field(init=False)
    state: SetupState = field(init=False)
    snapshot: Snapshot | None = None

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "home").mkdir()
        self.git = Git(JobControl(timedelta(minutes=5)), self.log, self._private, None)
        self.repo = RepoSpec(
            url=f"file://{self.origin}",
            push_branch=BRANCH,
            branch=self.branch,
            continue_branch=self.continues,
        )
        self.start = checkout.clone_repo(self.git, self.repo, self.workspace)

    def _private(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="runner-", dir=self.root))

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
            **{f"GIT_{who}_NAME": "Agent" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "agent@example.com" for who in ("AUTHOR", "COMMITTER")},
            "GIT_ALLOW_PROTOCOL": "file",
        }

    def run(self, script: str) -> str:
        """Run a script of bash in the workspace, as the job's programs run."""
        done = subprocess.run(
            ("bash", "-e", "-o", "pipefail", "-c", script),
            cwd=self.workspace,
            env=self.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def setup(self, script: str = "") -> Job:
        if script:
            self.run(script)
        self.state = record_setup_state(
            self.git, self.workspace, self.start.base_sha, self.environment
        )
        return self

    def agent(self, script: str) -> Snapshot | None:
        """Return the snapshot after an agent that ran this script."""
        if not hasattr(self, "state"):
            self.setup()
        self.run(script)
        return self.take()

    def take(self, *, reads_files: bool = True) -> Snapshot | None:
        request = SnapshotRequest(
            title="Do the task",
            seconds=self.seconds,
            reads_files=reads_files,
            continues=self.start.continues,
            includes_setup=self.includes_setup,
            environment=self.environment,
            find_published=lambda commits: find_published(
                self.git, self.repo, self.start.base, commits
            ),
        )
        self.snapshot = take_snapshot(self.git, self.workspace, self.state, request)
        return self.snapshot

    def scan(self, secrets: Iterable[tuple[str, str]], branch: str = BRANCH) -> Snapshot:
        assert self.snapshot is not None
        self.snapshot = scan_snapshot(self.git, self.snapshot, SecretScanner(secrets), branch)
        return self.snapshot

    def push(self) -> str:
        """Push the snapshot, and return its commit."""
        assert self.snapshot is not None
        assert self.snapshot.refused is None, self.snapshot.refused
        push.push_snapshot(self.git, self.repo, self.snapshot)
        assert git("rev-parse", BRANCH, cwd=self.origin) == self.snapshot.head
        return self.snapshot.head

    def show(self, path: str) -> str:
        """Return the content of a file that was pushed."""
        return git("show", f"{BRANCH}:{path}", cwd=self.origin)

    def changed(self) -> list[str]:
        """Return what a pull request of the pushed branch shows as changed."""
        assert self.snapshot is not None
        names = git("diff", "--name-status", f"main...{BRANCH}", cwd=self.origin)
        return [line.replace("\t", " ") for line in names.splitlines()]

    @property
    def text(self) -> str:
        return "\n".join(entry.content for entry in self.log.next_batch(10**9))


def git(*arguments: str, cwd: Path, **extra: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "Owner" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "owner@example.com" for who in ("AUTHOR", "COMMITTER")},
        "GIT_ALLOW_PROTOCOL": "file",
        **extra,
    }
    argv = ("git", "-c", "core.quotePath=false", *arguments)
    done = subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, errors="surrogateescape"
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout.strip()


def make_origin(root: Path, files: dict[str, str | bytes], **options: Any) -> Path:
    """Return a bare repository with one commit on main."""
    bare, seed = root / "origin.git", root / "seed"
    kind = f"--object-format={options.get('object_format', 'sha1')}"
    git("init", "-q", "--bare", "-b", "main", kind, str(bare), cwd=root)
    git("config", "uploadpack.allowFilter", "true", cwd=bare)
    git("init", "-q", "-b", "main", kind, str(seed), cwd=root)
    git("remote", "add", "origin", str(bare), cwd=seed)
    commit_files(seed, files)
    return bare


def commit_files(seed: Path, files: dict[str, str | bytes], message: str = "seed") -> str:
    """Commit files as they are and push them to main; return the commit."""
    for name, content in files.items():
        path = seed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git("add", "--all", cwd=seed)
    git("commit", "-q", "--allow-empty", "-m", message, cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    return git("rev-parse", "HEAD", cwd=seed)


@cache
def _install(program: str) -> str | None:
    """Install a Debian package when root; return why the program is not there."""
    if shutil.which(program):
        return None
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"install the package {program}, or run as root on Debian"
    environment = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
    argv = ("apt-get", "install", "-y", "--no-install-recommends", program)
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"apt-get did not install {program} within {_INSTALL_SECONDS} seconds"
    return None if done.returncode == 0 else done.stderr.decode(errors="replace")[-300:]


def need(program: str) -> None:
    """Skip the test loudly where a program cannot be had."""
    reason = _install(program)
    if reason:
        pytest.skip(f"NOT RUN: {program} is missing: {reason}")
