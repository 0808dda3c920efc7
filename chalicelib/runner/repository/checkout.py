"""From a URL to a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_spec import RepoSpec
from chalicelib.runner.repository.base_branch import BaseBranch, fetch_base
from chalicelib.runner.repository.forge_errors import error_class_of
from chalicelib.runner.repository.git import Git, GitResult

_MOST_NAMED = 5


@dataclass(frozen=True)
class Checkout:
    """A fresh workspace: its first commit, and the branch that its work is for."""

    base_sha: str
    base: BaseBranch
    continues: bool
    """Whether it began with the run's own branch, which may only grow."""
    pushed_stat: str | None = None
    """The size of the kept work's change, where the branch has that work already."""


@dataclass(frozen=True)
class _Remote:
    """The branches of a remote that matter to a job."""

    commits: dict[str, str]
    default_branch: str | None


def clone_repo(git: Git, repo: RepoSpec, workspace: Path) -> Checkout:
    """Clone the branch to start from: its own if the run continues, otherwise the base branch.

    The token's part ends with the objects: the files are written as the job's user, so that sizes
    and times in the index are those which that user's git sees.
    """
    for name in (repo.url, repo.branch or "", repo.push_branch):
        if name.startswith("-"):
            raise JobFailed(ErrorClass.CLONE, f"{name!r} is neither a URL nor a branch")
    remote = _ask_remote(git, repo, workspace.parent)
    branch = _start_from(git, repo, remote, workspace.parent)
    git.log.add_line("system", f"cloning {repo.url}" + (f" at {branch}" if branch else ""))
    result = git.run_with_token(
        *("clone", "--depth", "1", "--single-branch", "--no-checkout", "--template="),
        *(("--branch", branch) if branch else ()),
        *("--", repo.url, str(workspace)),
        cwd=workspace.parent,
    )
    if result.code != 0:
        raise _clone_failure(result)
    sha = git.run_local("log", "-1", "--format=%H %ct", "HEAD", cwd=workspace)
    if sha.code != 0:
        raise JobFailed(ErrorClass.CLONE, f"the repository {repo.url} has no commits")
    base_sha, committed_at = sha.out.split()
    base_branch = repo.branch or remote.default_branch
    tip = base_sha
    continues = branch is not None and branch == repo.push_branch
    if base_branch and continues and branch != base_branch:
        tip = fetch_base(git, repo, base_branch, workspace)
    _write_files(git, workspace)
    return Checkout(base_sha, BaseBranch(base_branch, tip, int(committed_at)), continues)


def _write_files(git: Git, workspace: Path) -> None:
    if git.job_user:
        git.job_user.give_ownership(workspace)
    result = git.as_user().run_local("reset", "--quiet", "--hard", "HEAD", cwd=workspace)
    if result.code != 0:
        raise JobFailed(ErrorClass.CLONE, f"the files cannot be written: {result.failure_reason}")


def _ask_remote(git: Git, repo: RepoSpec, cwd: Path) -> _Remote:
    """Return the branches that the job names, and those that would be in its branch's way."""
    folders = repo.push_branch.split("/")
    above = ["/".join(folders[:depth]) for depth in range(1, len(folders))]
    names = dict.fromkeys([repo.push_branch, *([repo.branch] if repo.branch else []), *above])
    refs = [f"refs/heads/{name}" for name in names]
    inside = f"refs/heads/{repo.push_branch}/*"
    result = git.run_with_token(
        "ls-remote", "--symref", "--", repo.url, "HEAD", *refs, inside, cwd=cwd
    )
    if result.code != 0:
        raise _clone_failure(result)
    commits, default = {}, None
    for line in result.out.splitlines():
        value, _, ref = line.partition("\t")
        if value.startswith("ref: ") and ref == "HEAD":
            default = value.removeprefix("ref: ").removeprefix("refs/heads/")
        elif ref == "HEAD" or ref.startswith("refs/heads/"):
            commits[ref.removeprefix("refs/heads/")] = value
    _check_name(repo, commits, above)
    return _Remote(commits, default)


def _check_name(repo: RepoSpec, commits: dict[str, str], above: list[str]) -> None:
    """Raise where no branch of the run's name can be made beside those that are there."""
    inside = (name for name in commits if name.startswith(f"{repo.push_branch}/"))
    for name in (*(name for name in above if name in commits), *inside):
        raise JobFailed(
            ErrorClass.CLONE,
            f'the repository has a branch "{name}", so git cannot make a branch'
            f' "{repo.push_branch}" beside it: set another branchPrefix for this repo',
        )


def _start_from(git: Git, repo: RepoSpec, remote: _Remote, cwd: Path) -> str | None:
    candidates = [repo.push_branch] if repo.continue_branch else []
    candidates += [repo.branch] if repo.branch else []
    for name in candidates:
        if name in remote.commits:
            return name
    if not repo.branch and "HEAD" in remote.commits:
        return None
    heads = git.run_with_token("ls-remote", "--heads", "--", repo.url, cwd=cwd).out.splitlines()
    if not heads:
        raise JobFailed(ErrorClass.CLONE, f"the repository {repo.url} has no commits")
    if repo.branch:
        raise JobFailed(ErrorClass.CLONE, f'branch "{repo.branch}" does not exist in {repo.url}')
    names = [line.partition("\trefs/heads/")[2] for line in heads]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    raise JobFailed(
        ErrorClass.CLONE,
        f"HEAD of {repo.url} names a branch that does not exist: set the branch to one of"
        f" {', '.join(names[:_MOST_NAMED])}{more}",
    )


def _clone_failure(result: GitResult) -> JobFailed:
    return JobFailed(
        error_class_of(result, ErrorClass.CLONE),
        f"the repository cannot be cloned: {result.failure_reason}",
    )
