"""Pushing a snapshot: the only part that holds the token, over objects and nothing else."""

from __future__ import annotations

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.job_spec import RepoSpec
from chalicelib.runner.repository import lfs
from chalicelib.runner.repository.base_branch import branch_sha
from chalicelib.runner.repository.forge_errors import error_class_of, refusal_words
from chalicelib.runner.repository.git import Git
from chalicelib.runner.sandbox import processes
from chalicelib.runner.work import sealing
from chalicelib.runner.work.sealing import name_tips
from chalicelib.runner.work.snapshot import Snapshot

LARGE_BYTES = 100 * 1024 * 1024
"""GitHub refuses larger files, and GitLab and Bitbucket often do."""

_LIST_SIZES = """
git rev-list --objects "$@" | git cat-file --batch-check='%(objecttype) %(objectsize) %(rest)'
"""


def push_snapshot(git: Git, repo: RepoSpec, snapshot: Snapshot) -> None:
    """Push to the job's own URL; a retry replaces its own branch, a continuation only adds."""
    end_processes(git)
    source = snapshot.repository
    if git.job_user is None:  # a later program of the job had the runner's own rights
        source = sealing.copy_sealed(git, source, name_tips(snapshot.head, ()), snapshot.ends)
    ref = f"refs/heads/{repo.push_branch}"
    lease = []
    if not repo.continue_branch:
        lease = [f"--force-with-lease={ref}:{branch_sha(git, repo, repo.push_branch, source)}"]
    lfs.upload_objects(git, repo.url, source, snapshot.repository, snapshot.lfs_objects)
    target = f"{snapshot.head}:{ref}"
    result = git.run_with_token("push", "--no-verify", *lease, "--", repo.url, target, cwd=source)
    if result.code != 0:
        kind = error_class_of(result, ErrorClass.PUSH)
        summary = (
            "the push did not get through" if kind == ErrorClass.NETWORK else "the push was refused"
        )
        raise JobFailed(kind, f"{summary}: {refusal_words(result)}")


def list_large_files(git: Git, snapshot: Snapshot) -> list[str]:
    """Return a sentence for each new file that a forge may refuse for its size."""
    revisions = [snapshot.head, *(f"^{sha}" for sha in snapshot.forge_commits)]
    argv = ("/bin/sh", "-c", _LIST_SIZES, "sh", *revisions)
    output = git.as_runner().read_bytes(*argv, cwd=snapshot.repository)
    sentences = []
    for line in output.data.decode(errors="replace").splitlines():
        kind, size, path = (*line.split(" ", 2), "", "")[:3]
        if kind == "blob" and int(size) > LARGE_BYTES:
            mebibytes = int(size) / 2**20
            sentences.append(
                f"{path} has {mebibytes:.0f} MiB: a forge may refuse files over 100 MB"
            )
    return sentences


def end_processes(git: Git) -> None:
    """End all that setup and agent have started; raise where something of it stays."""
    ended = processes.end_descendants()
    if not (ended and (git.job_user is None or git.job_user.end_processes())):
        raise JobFailed(
            ErrorClass.AGENT, "a process that setup or the agent started cannot be ended"
        )
