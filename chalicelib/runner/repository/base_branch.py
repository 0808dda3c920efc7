"""The branch that a run's work is for, at the forge: fetched, and asked for what it has by now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_spec import RepoSpec
from chalicelib.runner.repository.forge_errors import error_class_of
from chalicelib.runner.repository.git import Git

_DEPTHS = ("--depth=50", "--depth=500", "--depth=5000", "--unshallow")
_CLOCK_ERROR_SECONDS = 24 * 3600


@dataclass(frozen=True)
class BaseBranch:
    """The branch that a run's work is for, as it was when its workspace was made."""

    name: str | None = None
    tip: str = ""
    committed_at: int = 0
    """The time of the commit that the workspace began with, in seconds."""


def fetch_base(git: Git, repo: RepoSpec, base_branch: str, workspace: Path) -> str:
    """Fetch the base as `origin/<base>`, back to where the run's branch left it.

    An agent that is to merge it has no token to fetch it with. Returns its commit, or nothing where
    the branch is gone.
    """
    tracking = f"refs/remotes/origin/{base_branch}"
    if not branch_sha(git, repo, base_branch, workspace):
        git.log.add_line("system", f"the base branch {base_branch} is gone: it was not fetched")
        return ""
    refspecs = [
        f"+refs/heads/{name}:refs/remotes/origin/{name}" for name in (base_branch, repo.push_branch)
    ]
    for depth in _DEPTHS:
        result = git.run_with_token(
            "fetch", "--no-tags", depth, "--", repo.url, *refspecs, cwd=workspace
        )
        if result.code != 0:
            reason = f"the base branch {base_branch} cannot be fetched: {result.failure_reason}"
            raise JobFailed(error_class_of(result, ErrorClass.CLONE), reason)
        if git.run_local("merge-base", "HEAD", tracking, cwd=workspace).code == 0:
            git.log.add_line(
                "system", f"origin/{base_branch} and its merge base are there to merge"
            )
            break
        if not (workspace / ".git" / "shallow").exists():
            git.log.add_line(
                "system", f"origin/{base_branch} has no commit in common with this branch"
            )
            break
    git.run_local("symbolic-ref", "refs/remotes/origin/HEAD", tracking, cwd=workspace)
    return git.run_checked("rev-parse", tracking, cwd=workspace)


def find_published(
    git: Git, repo: RepoSpec, base: BaseBranch, commits: frozenset[str]
) -> frozenset[str]:
    """Return those of an agent's commits that the base branch has: they are not its work."""
    published = frozenset({base.tip}) & commits
    if not base.name:
        return published
    directory = git.private()
    tip = branch_sha(git, repo, base.name, directory)
    if tip in ("", base.tip):
        return published
    if tip in commits:
        return published | {tip}
    return published | (_list_history(git, repo, base, directory) & commits)


def _list_history(git: Git, repo: RepoSpec, base: BaseBranch, directory: Path) -> frozenset[str]:
    """Return the commits that the base branch got since the workspace was made, and some more."""
    since = base.committed_at - _CLOCK_ERROR_SECONDS
    ref = f"+refs/heads/{base.name}:refs/heads/base"
    git.run_checked("init", "--quiet", "--bare", "--template=", "base.git", cwd=directory)
    for options in (("--filter=tree:0",), ()):
        arguments = ("fetch", "--no-tags", f"--shallow-since=@{since}", *options)
        result = git.run_with_token(*arguments, "--", repo.url, ref, cwd=directory / "base.git")
        if result.code == 0:
            listing = git.run_checked("rev-list", "refs/heads/base", cwd=directory / "base.git")
            return frozenset(listing.split())
    git.log.add_line(
        "system", f"the newest commits of {base.name} are unknown: {result.failure_reason}"
    )
    return frozenset()


def branch_sha(git: Git, repo: RepoSpec, branch: str, cwd: Path) -> str:
    """Return the commit of a branch at the forge, or nothing."""
    ref = f"refs/heads/{branch}"
    result = git.run_with_token("ls-remote", "--", repo.url, ref, cwd=cwd)
    if result.code != 0:
        raise JobFailed(
            error_class_of(result, ErrorClass.PUSH),
            f"the remote branch cannot be read: {result.failure_reason}",
        )
    return next((line.split()[0] for line in result.out.splitlines() if line.endswith(ref)), "")
