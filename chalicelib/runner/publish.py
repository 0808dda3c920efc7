"""From a workspace to a pushed branch, without trusting what the workspace has become."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.runner import processes
from chalicelib.runner.checkout import Checkout, kind_of, remote_sha
from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git
from chalicelib.runner.order import Repo
from chalicelib.runner.users import ROOT


@dataclass(frozen=True)
class Work:
    """What the agent has done, as a commit in a repository of our own."""

    directory: Path
    head_sha: str
    diff_stat: str


def commit(git: Git, workspace: Path, start: Checkout, title: str) -> Work | None:
    """Return the agent's commits with all it left uncommitted, or nothing without a change."""
    alone(git)
    git = git.as_user()
    theirs = workspace / ".git"
    if theirs.is_symlink() or not theirs.is_dir():
        raise Failure("agent", "the agent removed its workspace or its repository")
    try:
        _restore(theirs, start.config)
    except OSError as error:
        raise Failure("agent", f"the agent left a repository that is closed: {error}") from error
    head = git.local("rev-parse", "--verify", "HEAD^{commit}", cwd=workspace)
    if head.code != 0:
        raise Failure("agent", f"the agent left no commit checked out: {head.reason}")
    ours = _borrow(git, theirs)
    sha = head.out.strip()
    tree = _tree(git, ours, workspace, sha)
    if tree != git.sure("rev-parse", f"{sha}^{{tree}}", cwd=ours):
        sha = git.sure("commit-tree", tree, "-p", sha, "-m", title, cwd=ours)
    if tree == git.sure("rev-parse", f"{start.base_sha}^{{tree}}", cwd=ours):
        return None
    stat = git.sure(
        *("diff", "--shortstat", "--no-ext-diff", "--no-textconv"),
        *(start.base_sha, sha),
        cwd=ours,
    )
    _stand_alone(git, ours, sha)
    return Work(ours, sha, stat)


def untouched(git: Git, work: Work) -> Work:
    """Return the same commit in a repository that no later program of the job has seen.

    Where the job has a user of its own, it cannot come to ours in the first place.
    """
    if git.user is not None:
        return work
    alone(git)
    ours = _borrow(git, work.directory)
    _stand_alone(git, ours, work.head_sha)
    return replace(work, directory=ours)


def push(git: Git, repo: Repo, work: Work) -> None:
    """Push to the job's own URL; a retry replaces its own branch, a continuation only adds."""
    alone(git)
    ref = f"refs/heads/{repo.push_branch}"
    lease = []
    if not repo.continue_branch:
        lease = [f"--force-with-lease={ref}:{remote_sha(git, repo, work.directory)}"]
    target = f"{work.head_sha}:{ref}"
    said = git.remote("push", "--no-verify", *lease, "--", repo.url, target, cwd=work.directory)
    if said.code != 0:
        kind = kind_of(said, "push")
        words = "the push did not get through" if kind == "network" else "the push was refused"
        raise Failure(kind, f"{words}: {said.reason}")


def alone(git: Git) -> None:
    """End all that setup and agent have started; raise where something of it stays."""
    ended = processes.end_descendants()
    if not (ended and (git.user is None or git.user.end_processes())):
        raise Failure("agent", "a process that setup or the agent started cannot be ended")


def _restore(theirs: Path, config: bytes) -> None:
    for name in ("config", "config.worktree", "commondir"):
        with contextlib.suppress(FileNotFoundError):
            if (theirs / name).is_dir() and not (theirs / name).is_symlink():
                shutil.rmtree(theirs / name)
            else:
                (theirs / name).unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(theirs / "config", flags, 0o644), "wb") as stream:
        stream.write(config)


def _borrow(git: Git, theirs: Path) -> Path:
    """Return a new repository with the objects of theirs, and nothing else of it that acts."""
    private = git.private()
    if git.user:
        git.user.own(private)
    ours = private / "publish.git"
    git.sure("init", "--quiet", "--bare", "--template=", str(ours), cwd=ours.parent)
    (ours / "objects" / "info").mkdir(exist_ok=True)
    (ours / "objects" / "info" / "alternates").write_text(f"{theirs / 'objects'}\n")
    (ours / "info").mkdir(exist_ok=True)
    for name in ("shallow", "index", "info/exclude"):
        source = theirs / name
        linked = source.is_symlink() or source.parent.is_symlink()
        if source.is_file() and not linked:
            shutil.copy2(source, ours / name)
    if git.user:
        git.user.own(ours)
    return ours


def _stand_alone(git: Git, ours: Path, sha: str) -> None:
    """Take in what was borrowed, with the rights of the job's user; from here on it is ours."""
    git.sure("update-ref", "refs/heads/work", sha, cwd=ours)
    git.sure("repack", "-a", "-d", "-q", cwd=ours)
    (ours / "objects" / "info" / "alternates").unlink()
    if git.user:
        ROOT.own(ours.parent)


def _tree(git: Git, ours: Path, workspace: Path, sha: str) -> str:
    """Return the workspace as a tree; where the agent's index is of no use, from a new one."""
    here = {"GIT_DIR": str(ours), "GIT_WORK_TREE": str(workspace)}
    added = git.local("add", "--all", cwd=workspace, **here)
    if added.code != 0:
        (ours / "index").unlink(missing_ok=True)
        git.sure("read-tree", sha, cwd=ours)
        git.sure("add", "--all", cwd=workspace, **here)
    return git.sure("write-tree", cwd=ours)
