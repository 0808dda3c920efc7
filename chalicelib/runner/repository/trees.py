"""Trees of commits: reading and comparing their entries."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.runner.repository.job_repository import JobRepository, decode_path, split_zero

GITLINK_MODE = "160000"


class TreeEntry(NamedTuple):
    """Mode and object of a path in a tree."""

    mode: str
    sha: str


ABSENT_ENTRY = TreeEntry("0", "")


class TreeChange(NamedTuple):
    """One path that differs between two trees."""

    path: str
    old: TreeEntry
    new: TreeEntry


def compare_trees(repository: JobRepository, old: str, new: str) -> list[TreeChange]:
    """Return the paths that differ between two trees or commits."""
    return parse_changes(
        repository.read_bytes("diff-tree", "-r", "-z", "--no-renames", "--raw", old, new)
    )


def parse_changes(data: bytes) -> list[TreeChange]:
    """Return the changes of git's raw format, also of merges; other lines are skipped."""
    changes = []
    fields = iter(data.split(b"\0"))
    for facts in fields:
        if facts.startswith(b":"):
            names = facts.lstrip(b":").decode().split(" ")
            sides = len(facts) - len(facts.lstrip(b":")) + 1
            old, new = (
                _parse_entry(names[0], names[sides]),
                _parse_entry(names[sides - 1], names[-2]),
            )
            changes.append(TreeChange(decode_path(next(fields)), old, new))
    return changes


def _parse_entry(mode: str, sha: str) -> TreeEntry:
    return ABSENT_ENTRY if mode.strip("0") == "" else TreeEntry(mode, sha)


def list_tree(repository: JobRepository, commit: str) -> dict[str, TreeEntry]:
    """Return every entry of a commit or tree."""
    entries = {}
    for line in split_zero(repository.read_bytes("ls-tree", "-r", "-z", "--full-tree", commit)):
        facts, _, path = line.partition("\t")
        mode, _, sha = facts.split(" ")
        entries[path] = TreeEntry(mode, sha)
    return entries


def read_tree_id(repository: JobRepository, commit: str) -> str:
    return repository.read_text("rev-parse", f"{commit}^{{tree}}")


def has_ancestor(repository: JobRepository, older: str, newer: str) -> bool:
    return repository.run_git("merge-base", "--is-ancestor", older, newer).code == 0
