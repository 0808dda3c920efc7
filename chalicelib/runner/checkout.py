"""From a URL to a workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git, Said
from chalicelib.runner.order import Repo

_NETWORK = re.compile(
    r"could not resolve host|failed to connect|connection (refused|reset|timed out)|timed out"
    r"|early eof|RPC failed|returned error: 5\d\d|remote end hung up|network is unreachable",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"authentication failed|could not read (username|password)|permission denied \(publickey"
    r"|returned error: 40[13]|invalid credentials",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Checkout:
    """A fresh workspace: its first commit, and its configuration before anybody changed it."""

    base_sha: str
    config: bytes


def clone(git: Git, repo: Repo, workspace: Path) -> Checkout:
    """Clone the branch to start from: its own of a run that continues, else the base branch."""
    for name in (repo.url, repo.branch or "", repo.push_branch):
        if name.startswith("-"):
            raise Failure("clone", f"{name!r} is neither a URL nor a branch")
    branch = _start_from(git, repo, workspace.parent)
    git.log.add("system", f"cloning {repo.url}" + (f" at {branch}" if branch else ""))
    said = git.remote(
        *("clone", "--depth", "1", "--single-branch", "--template="),
        *(("--branch", branch) if branch else ()),
        *("--", repo.url, str(workspace)),
        cwd=workspace.parent,
    )
    if said.code != 0:
        raise _cannot_clone(said)
    sha = git.local("rev-parse", "--verify", "HEAD^{commit}", cwd=workspace)
    if sha.code != 0:
        raise Failure("clone", f"the repository {repo.url} has no commits")
    return Checkout(sha.out.strip(), (workspace / ".git" / "config").read_bytes())


def remote_sha(git: Git, repo: Repo, cwd: Path) -> str:
    """Return where the run's own branch stands at the forge, or nothing."""
    ref = f"refs/heads/{repo.push_branch}"
    said = git.remote("ls-remote", "--", repo.url, ref, cwd=cwd)
    if said.code != 0:
        raise Failure(kind_of(said, "push"), f"the remote branch cannot be read: {said.reason}")
    return next((line.split()[0] for line in said.out.splitlines() if line.endswith(ref)), "")


def kind_of(said: Said, default: str) -> str:
    """Return the class of a failed conversation with the forge."""
    if _NETWORK.search(said.err):
        return "network"
    return "credential" if default == "clone" and _CREDENTIAL.search(said.err) else default


def _start_from(git: Git, repo: Repo, cwd: Path) -> str | None:
    wanted = [repo.push_branch] if repo.continue_branch else []
    wanted += [repo.branch] if repo.branch else []
    refs = [f"refs/heads/{name}" for name in wanted]
    said = git.remote("ls-remote", "--", repo.url, "HEAD", *refs, cwd=cwd)
    if said.code != 0:
        raise _cannot_clone(said)
    found = {line.split("\t")[-1] for line in said.out.splitlines()}
    for name, ref in zip(wanted, refs, strict=True):
        if ref in found:
            return name
    if not found and not git.remote("ls-remote", "--heads", "--", repo.url, cwd=cwd).out:
        raise Failure("clone", f"the repository {repo.url} has no commits")
    if repo.branch:
        raise Failure("clone", f'branch "{repo.branch}" does not exist in {repo.url}')
    return None


def _cannot_clone(said: Said) -> Failure:
    return Failure(kind_of(said, "clone"), f"the repository cannot be cloned: {said.reason}")
