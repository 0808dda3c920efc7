"""Pushing a snapshot: the only part that holds the token, over objects and nothing else."""

from __future__ import annotations

from chalicelib.runner import lfs, processes, sealing
from chalicelib.runner.base_branch import branch_sha
from chalicelib.runner.errors import Failure
from chalicelib.runner.forge_errors import kind_of, refusal_words
from chalicelib.runner.git import Git
from chalicelib.runner.order import Repo
from chalicelib.runner.snapshot import Snapshot, name_tips

LARGE_BYTES = 100 * 1024 * 1024
"""GitHub refuses larger files, and GitLab and Bitbucket often do."""

_LIST_SIZES = """
git rev-list --objects "$@" | git cat-file --batch-check='%(objecttype) %(objectsize) %(rest)'
"""


def push_snapshot(git: Git, repo: Repo, snapshot: Snapshot) -> None:
    """Push to the job's own URL; a retry replaces its own branch, a continuation only adds."""
    end_processes(git)
    source = snapshot.repository
    if git.user is None:  # a later program of the job had the runner's own rights
        source = sealing.copy_sealed(git, source, name_tips(snapshot.head, ()), snapshot.ends)
    ref = f"refs/heads/{repo.push_branch}"
    lease = []
    if not repo.continue_branch:
        lease = [f"--force-with-lease={ref}:{branch_sha(git, repo, repo.push_branch, source)}"]
    lfs.upload_objects(git, repo.url, source, snapshot.repository, snapshot.lfs_objects)
    target = f"{snapshot.head}:{ref}"
    said = git.remote("push", "--no-verify", *lease, "--", repo.url, target, cwd=source)
    if said.code != 0:
        kind = kind_of(said, "push")
        words = "the push did not get through" if kind == "network" else "the push was refused"
        raise Failure(kind, f"{words}: {refusal_words(said)}")


def list_large_files(git: Git, snapshot: Snapshot) -> list[str]:
    """Return a sentence for each new file that a forge may refuse for its size."""
    revisions = [snapshot.head, *(f"^{sha}" for sha in snapshot.known)]
    argv = ("/bin/sh", "-c", _LIST_SIZES, "sh", *revisions)
    output = git.as_runner().read(*argv, cwd=snapshot.repository)
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
    if not (ended and (git.user is None or git.user.end_processes())):
        raise Failure("agent", "a process that setup or the agent started cannot be ended")
