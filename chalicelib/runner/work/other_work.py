"""Work of the agent that its checked-out commit does not have: branches, stashes, worktrees."""

from __future__ import annotations

from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.setup_state import SetupState
from chalicelib.runner.repository.trees import compare_trees
from chalicelib.runner.work.other_refs import (
    Tip,
    keep_existing,
    list_fetched,
    list_records,
    list_tips,
)

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
_MOST_COMPARED = 20
"""Each comparison by content takes some processes; what is beyond this counts as work."""


def find_unfinished(repository: JobRepository) -> str | None:
    """Return the operation of git that the agent began and did not end."""
    output = repository.run_script(_LOOK_FOR_UNFINISHED, *_UNFINISHED)
    names = output.data.decode(errors="replace").split()
    return _UNFINISHED[names[0]] if names else None


def find_other_work(repository: JobRepository, state: SetupState, heads: list[str]) -> list[Tip]:
    """Return the newest commits that the agent left beside `heads`.

    Commits whose content these contain (a squashed branch, a rebased or applied commit) are not
    work that could be lost.
    """
    known_shas = {*heads, state.base_sha, state.head_sha, *state.refs}
    tips = {tip.sha: tip for tip in list_tips(repository) if tip.sha not in known_shas}
    if not tips:
        return []
    known_shas |= list_fetched(repository)
    newest = _list_newest(repository, keep_existing(repository, tips), known_shas)
    candidates = [tip for sha, tip in tips.items() if sha in newest]
    compared, rest = candidates[:_MOST_COMPARED], candidates[_MOST_COMPARED:]
    return [tip for tip in compared if not _has_content(repository, heads, tip.sha)] + rest


def describe_records(repository: JobRepository, state: SetupState, heads: list[str]) -> list[str]:
    """Return a sentence for each kind of reference that holds commits, but no work."""
    known_shas = {*heads, state.base_sha, state.head_sha, *state.refs}
    sentences = []
    for name, commits in list_records(repository).items():
        tips = keep_existing(repository, set(commits) - known_shas)
        count = len(_list_newest(repository, tips, known_shas))
        if count:
            sentences.append(f"left behind: {name}, {count} that no branch has")
    return sentences


def _list_newest(repository: JobRepository, tips: list[str], known_shas: set[str]) -> set[str]:
    """Return the tips that follow neither from what is known, nor from another tip."""
    if not tips:
        return set()
    revisions = [*tips, *(f"^{sha}" for sha in keep_existing(repository, known_shas))]
    stdin = "".join(f"{each}\n" for each in revisions).encode()
    output = repository.run_git(
        "rev-list", "--parents", "--stdin", "--not", "--remotes", stdin=stdin
    )
    if output.code != 0:  # of one that lacks a part of its history, git lists none
        halves = (tips[: len(tips) // 2], tips[len(tips) // 2 :]) if len(tips) > 1 else ()
        return {sha for half in halves for sha in _list_newest(repository, half, known_shas)}
    listed_shas, followed = set(), set()
    for line in output.data.decode().splitlines():
        sha, *parents = line.split()
        listed_shas.add(sha)
        followed.update(parents)
    return (set(tips) & listed_shas) - followed


def _has_content(repository: JobRepository, heads: list[str], sha: str) -> bool:
    if repository.run_git("rev-parse", "--verify", "--quiet", f"{sha}^3").code == 0:
        return False  # a stash with files that git did not track
    if any(_has_changes(repository, head, sha) for head in heads):
        return True
    output = repository.run_git("cherry", heads[-1], sha)
    lines = output.data.decode().splitlines()
    return output.code == 0 and bool(lines) and all(line.startswith("-") for line in lines)


def _has_changes(repository: JobRepository, head: str, sha: str) -> bool:
    """Return whether `head` has each file that a commit's history changed, as the commit has it."""
    common = repository.run_git("merge-base", head, sha).data.decode().strip()
    if not common:
        return False
    changed = {change.path for change in compare_trees(repository, common, sha)}
    return changed.isdisjoint(change.path for change in compare_trees(repository, sha, head))
