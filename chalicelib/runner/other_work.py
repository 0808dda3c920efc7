"""Work of the agent that its checked-out commit does not have: branches, stashes, worktrees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chalicelib.runner.job_repository import JobRepository, decode_path
from chalicelib.runner.setup_state import SetupState
from chalicelib.runner.work_tree import compare_trees, list_worktrees

_UNFINISHED = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
    "sequencer": "cherry-pick",
}
_LOOK_FOR_UNFINISHED = 'cd .git && for name; do [ -e "$name" ] && echo "$name"; done; true'
_COMMIT = """
cd "$1" || exit 0
own=$(unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
  git rev-parse --path-format=absolute --git-path index) &&
  cp -p "$own" "$GIT_INDEX_FILE" || git read-tree --reset "$2" || exit 0
git add --all --ignore-errors
tree=$(git write-tree) || exit 0
git -c core.quotePath=false diff-tree -r --name-only "$2" "$tree" |
  while IFS= read -r path; do
    made=$(git cat-file blob "$2:$path" 2>/dev/null | git hash-object --stdin --path="$path")
    [ "$made" = "$(git rev-parse --verify --quiet "$tree:$path")" ] && continue
    git commit-tree -p "$2" -m "uncommitted work" "$tree"
    break
  done
"""
_LEFT_BEHIND = re.compile(r"checkout: moving from (?P<sha>[0-9a-f]{40}|[0-9a-f]{64}) to ")


@dataclass(frozen=True)
class OtherWork:
    """A commit that HEAD does not have, and the name under which the agent left it."""

    name: str
    sha: str
    is_branch: bool


def find_unfinished(repository: JobRepository) -> str | None:
    """Return the operation of git that the agent began and did not end."""
    output = repository.run_script(_LOOK_FOR_UNFINISHED, *_UNFINISHED)
    names = output.data.decode(errors="replace").split()
    return _UNFINISHED[names[0]] if names else None


def find_other_work(
    repository: JobRepository, state: SetupState, heads: list[str]
) -> list[OtherWork]:
    """Return the newest commits that the agent left beside `heads`.

    What these have with the same content (a squashed branch, a rebased or applied commit) is not
    work that could be lost.
    """
    found = [
        OtherWork(name, sha, is_branch)
        for sha, (name, is_branch) in _list_tips(repository).items()
        if sha not in state.refs and sha != state.base_sha
    ]
    if not found:
        return []
    known = [*heads, state.base_sha, state.head_sha, *_existing(repository, state.refs)]
    exclusions = [f"^{sha}" for sha in dict.fromkeys(known)]
    found = [work for work in found if _is_new(repository, work.sha, exclusions)]
    found = [work for work in found if not _has_content(repository, heads, work.sha)]
    return [
        work
        for work in found
        if not any(_is_ancestor(repository, work.sha, each.sha) for each in found if each != work)
    ]


def _list_tips(repository: JobRepository) -> Mapping[str, tuple[str, bool]]:
    """Return each commit that something of the agent's names, with that name."""
    tips: dict[str, tuple[str, bool]] = {}
    format_ = "--format=%(objecttype) %(objectname) %(*objectname) %(refname)"
    listing = repository.read("for-each-ref", format_, "refs/heads", "refs/tags", "refs/stash")
    for line in decode_path(listing).splitlines():
        kind, sha, peeled, name = line.split(" ", 3)
        target = peeled if kind == "tag" else sha
        is_branch = name.startswith("refs/heads/")
        if kind in ("commit", "tag") and (is_branch or target not in tips):
            tips[target] = (_short_name(name), is_branch)
    stashes = repository.run("rev-list", "--walk-reflogs", "refs/stash", "--")
    for number, sha in enumerate(stashes.data.decode().split()):
        tips[sha] = (f"stash@{{{number}}}", False)
    return tips | {sha: entry for sha, entry in _list_heads(repository) if sha not in tips}


def _list_heads(repository: JobRepository) -> list[tuple[str, tuple[str, bool]]]:
    """Return the commits of linked worktrees, and those from which HEAD was moved away."""
    heads: list[tuple[str, tuple[str, bool]]] = []
    for path, commit in list_worktrees(repository).items():
        sha = _commit_worktree(repository, path, commit)
        heads.append((sha, (f"the worktree {path}", False)))
    moves = repository.run("log", "--walk-reflogs", "--format=%gs", "HEAD", "--")
    for line in moves.data.decode(errors="replace").splitlines():
        match = _LEFT_BEHIND.match(line)
        if match:
            heads.append((match["sha"], (f"the commit {match['sha'][:12]}", False)))
    return heads


def _commit_worktree(repository: JobRepository, path: str, head: str) -> str:
    """Return a commit of what a linked worktree holds uncommitted, or else its own commit."""
    index = str(repository.scratch / "worktree-index")
    variables = {"GIT_WORK_TREE": path, "GIT_INDEX_FILE": index}
    output = repository.run_script_on_index(_COMMIT, path, head, variables=variables)
    return output.data.decode(errors="replace").strip() or head


def _short_name(ref: str) -> str:
    if ref.startswith("refs/heads/"):
        return f"the branch {ref.removeprefix('refs/heads/')}"
    return f"the tag {ref.removeprefix('refs/tags/')}" if ref.startswith("refs/tags/") else "stash"


def _existing(repository: JobRepository, commits: Iterable[str]) -> list[str]:
    """Return the commits that are still there: the agent may have removed what setup fetched."""
    listed = sorted(commits)
    if not listed:
        return []
    stdin = "".join(f"{sha}\n" for sha in listed).encode()
    output = repository.read_text(
        "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin
    )
    pairs = [line.split() for line in output.splitlines()]
    return [pair[0] for pair in pairs if pair[1:] == ["commit"]]


def _is_new(repository: JobRepository, sha: str, exclusions: list[str]) -> bool:
    revisions = "\n".join([sha, *exclusions]) + "\n"
    arguments = ("rev-list", "-n", "1", "--stdin", "--not", "--remotes")
    output = repository.run(*arguments, stdin=revisions.encode())
    return bool(output.data.strip())


def _has_content(repository: JobRepository, heads: list[str], sha: str) -> bool:
    if repository.run("rev-parse", "--verify", "--quiet", f"{sha}^3").code == 0:
        return False  # a stash with files that git did not track
    if any(_has_changes(repository, head, sha) for head in heads):
        return True
    output = repository.run("cherry", heads[-1], sha)
    lines = output.data.decode().splitlines()
    return output.code == 0 and bool(lines) and all(line.startswith("-") for line in lines)


def _has_changes(repository: JobRepository, head: str, sha: str) -> bool:
    """Return whether `head` has each file that a commit's history changed, as the commit has it."""
    common = repository.run("merge-base", head, sha).data.decode().strip()
    if not common:
        return False
    changed = {change.path for change in compare_trees(repository, common, sha)}
    return changed.isdisjoint(change.path for change in compare_trees(repository, sha, head))


def _is_ancestor(repository: JobRepository, older: str, newer: str) -> bool:
    return repository.run("merge-base", "--is-ancestor", older, newer).code == 0
