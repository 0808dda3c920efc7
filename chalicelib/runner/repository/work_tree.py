"""Reading a workspace into an index: through the job's own filters, and past what cannot be read.

An index shows by size and times which files changed since it was written, so only those are read.
Files of nested repositories are read like all others, and submodules are left to `submodules`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.runner.repository.job_repository import (
    JobRepository,
    decode_path,
    encode_path,
    encode_paths,
    split_zero,
)
from chalicelib.runner.repository.trees import ABSENT_ENTRY, GITLINK_MODE, TreeEntry

_DEEPEST_NESTING = 8


@dataclass(frozen=True)
class IndexFlags:
    """The entries of an index: all, unmerged ones, and those that git is configured to ignore."""

    paths: frozenset[str] = frozenset()
    unmerged: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    is_usable: bool = False


@dataclass
class WorkspaceDifferences:
    """Paths of a workspace that differ from an index."""

    modified: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    other_mode: set[str] = field(default_factory=set)
    """Those of them that are executable now, or no more, or another kind of file."""
    untracked: list[str] = field(default_factory=list)
    gitlinks: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    """Directories with a repository of their own."""
    problems: list[str] = field(default_factory=list)
    """Git's messages about directories that it cannot open."""


def read_flags(repository: JobRepository, index: str) -> IndexFlags:
    """Return the entries of an index with their flags; nothing where git cannot read it."""
    output = repository.run_git("ls-files", "-v", "-z", "--stage", index=index)
    if output.code != 0:
        return IndexFlags()
    paths, unmerged, skipped, assumed = set(), set(), set(), set()
    for line in split_zero(output.data):
        facts, _, path = line.partition("\t")
        letter, stage = facts[0], facts.rpartition(" ")[2]
        paths.add(path)
        if stage != "0":
            unmerged.add(path)
        if letter in "Ss":
            skipped.add(path)
        if letter.islower():
            assumed.add(path)
    return IndexFlags(
        paths=frozenset(paths),
        unmerged=frozenset(unmerged),
        skipped=frozenset(skipped),
        assumed=frozenset(assumed),
        is_usable=True,
    )


def find_differences(repository: JobRepository) -> WorkspaceDifferences:
    """Compare the workspace with the index by size and times; no filter and no git hook runs."""
    differences = WorkspaceDifferences()
    output = repository.read_bytes(
        *("diff-files", "--raw", "-z", "--no-renames", "--ignore-submodules=dirty"),
        options=_without_filters(repository),
    )
    fields = iter(split_zero(output))
    for facts in fields:
        path, kind = next(fields), facts.rpartition(" ")[2]
        if facts.startswith(f":{GITLINK_MODE}"):
            differences.gitlinks.append(path)
        else:
            (differences.deleted if kind == "D" else differences.modified).append(path)
            old_mode, new_mode = facts.lstrip(":").split(" ")[:2]
            if old_mode != new_mode:
                differences.other_mode.add(path)
    _find_untracked(repository, differences)
    return differences


def list_stat_changes(repository: JobRepository, index: str) -> set[str]:
    """Return the paths whose files are no longer those that an index knows."""
    arguments = ("diff-files", "--name-only", "-z", "--ignore-submodules=all")
    output = repository.read_bytes(*arguments, index=index, options=_without_filters(repository))
    return set(split_zero(output))


def _find_untracked(repository: JobRepository, differences: WorkspaceDifferences) -> None:
    listing = repository.run_git("ls-files", "--others", "--exclude-standard", "-z")
    differences.problems += [
        line for line in listing.err.splitlines() if line.startswith("warning: ")
    ]
    for path in split_zero(listing.data):
        (differences.nested if path.endswith("/") else differences.untracked).append(path)


def list_nested_files(repository: JobRepository, folder: str) -> list[str]:
    """Return the files of a nested repository that its own ignore rules let through."""
    pending, files = [(folder, 0)], []
    while pending:
        here, depth = pending.pop()
        listing = repository.run_git(
            *("ls-files", "--others", "--exclude-standard", "-z"),
            index="none",
            work_tree=repository.workspace / here,
        )
        for path in split_zero(listing.data):
            if not path.endswith("/"):
                files.append(here + path)
            elif depth < _DEEPEST_NESTING:
                pending.append((here + path, depth + 1))
    return files


def stage_paths(
    repository: JobRepository, paths: Collection[str], *, keep_objects: bool = True
) -> dict[str, str]:
    """Bring files into the index through their filters; return why each other could not be read.

    Git gives up at the first path that it cannot read, so the rest is tried in halves.
    """
    if not paths:
        return {}
    info_only = () if keep_objects else ("--info-only",)
    output = repository.run_git(
        *("update-index", "--add", "--remove", "--replace", *info_only, "-z", "--stdin"),
        stdin=encode_paths(paths),
        options=required_filters(repository),
    )
    if output.code == 0:
        return {}
    ordered = list(paths)
    if len(ordered) == 1:
        return {ordered[0]: output.failure_reason}
    middle = len(ordered) // 2
    halves = (ordered[:middle], ordered[middle:])
    failed: dict[str, str] = {}
    for half in halves:
        failed |= stage_paths(repository, half, keep_objects=keep_objects)
    return failed


def find_untouched(
    repository: JobRepository, paths: Iterable[str], entries: Mapping[str, TreeEntry]
) -> set[str]:
    """Return the files whose bytes are those of their entries, which no filter has to make again.

    Git would write a file with other line ends than its attributes want, although it is unchanged.
    """
    comparable = [path for path in paths if path in entries and "\n" not in path]
    if not comparable:
        return set()
    stdin = b"".join(encode_path(path) + b"\n" for path in comparable)
    output = repository.run_git("hash-object", "--no-filters", "--stdin-paths", stdin=stdin)
    hashes = output.data.decode().split()
    return {path for path, sha in zip(comparable, hashes, strict=False) if entries[path].sha == sha}


def remove_paths(repository: JobRepository, paths: Collection[str]) -> None:
    """Take paths out of the index, whatever is in their place."""
    if paths:
        repository.read_bytes(
            "update-index", "--force-remove", "-z", "--stdin", stdin=encode_paths(paths)
        )


def set_entries(
    repository: JobRepository, entries: Mapping[str, TreeEntry], index: str = "index"
) -> None:
    """Give paths these entries; an absent entry removes its path."""
    removed = [path for path, entry in entries.items() if entry == ABSENT_ENTRY]
    present = [path for path, entry in entries.items() if entry != ABSENT_ENTRY]
    nothing = TreeEntry("0", repository.setup.null_sha)
    lines = [_index_line(path, nothing) for path in removed]
    lines += [_index_line(path, entries[path]) for path in present]
    if lines:
        arguments = ("update-index", "--add", "--replace", "-z", "--index-info")
        repository.read_bytes(*arguments, stdin=b"".join(lines), index=index)


def _index_line(path: str, entry: TreeEntry) -> bytes:
    return f"{entry.mode} {entry.sha}\t".encode() + encode_path(path) + b"\0"


def write_tree(repository: JobRepository, index: str = "index") -> str:
    return repository.read_text("write-tree", "--missing-ok", index=index)


def list_entries(repository: JobRepository, index: str = "index") -> dict[str, TreeEntry]:
    """Return every merged entry of an index."""
    entries = {}
    for line in split_zero(repository.read_bytes("ls-files", "--stage", "-z", index=index)):
        facts, _, path = line.partition("\t")
        mode, sha, stage = facts.split(" ")
        if stage == "0":
            entries[path] = TreeEntry(mode, sha)
    return entries


def list_gitlinks(repository: JobRepository) -> dict[str, TreeEntry]:
    """Return the submodules of the index, by their paths."""
    entries = list_entries(repository)
    return {path: entry for path, entry in entries.items() if entry.mode == GITLINK_MODE}


def list_worktrees(repository: JobRepository) -> dict[str, str]:
    """Return the linked worktrees by their directories, and the commit of each."""
    output = repository.run_git("worktree", "list", "--porcelain", "-z")
    records = [decode_path(record).split("\0") for record in output.data.split(b"\0\0")[1:]]
    facts = [dict(line.partition(" ")[::2] for line in record) for record in records]
    return {each["worktree"]: each["HEAD"] for each in facts if "HEAD" in each}


def list_ref_commits(repository: JobRepository) -> frozenset[str]:
    """Return the commits that branches, tags, remote branches and stashes name."""
    output = repository.read_text("for-each-ref", "--format=%(objectname) %(*objectname)")
    stashes = repository.run_git("rev-list", "--walk-reflogs", "refs/stash", "--")
    return frozenset([*output.split(), *stashes.data.decode().split()])


def _without_filters(repository: JobRepository) -> list[str]:
    options = []
    for name in _list_drivers(repository):
        options += ["-c", f"filter.{name}.clean=", "-c", f"filter.{name}.process="]
        options += ["-c", f"filter.{name}.required=false"]
    return options


def required_filters(repository: JobRepository) -> list[str]:
    return [
        part
        for name in _list_drivers(repository)
        for part in ("-c", f"filter.{name}.required=true")
    ]


def _list_drivers(repository: JobRepository) -> list[str]:
    return sorted(repository.setup.filters)
