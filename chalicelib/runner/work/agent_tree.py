"""The workspace as the agent left it, as the tree of the run's last commit.

The tree holds the differences from the tree after setup, on top of the base. Changes by setup that
the agent left alone stay as the base has them, unless the repo's settings include them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.runner.output.text import name_some
from chalicelib.runner.repository import filters, trees, work_tree
from chalicelib.runner.repository.job_repository import JobRepository, decode_path
from chalicelib.runner.repository.setup_state import (
    COPY_INDEX,
    SetupState,
    hash_raw_files,
    restore_index,
)
from chalicelib.runner.repository.special_files import SpecialFiles, restore_tracked
from chalicelib.runner.repository.submodules import Submodule, read_submodules
from chalicelib.runner.repository.trees import ABSENT_ENTRY, GITLINK_MODE, TreeEntry
from chalicelib.runner.repository.work_tree import IndexFlags, WorkspaceDifferences

AGENT_INDEX = "agent-index"
SETUP_INDEX = "setup-index"


@dataclass
class AgentTree:
    """A tree, with what had to be left out of it or may not be pushed."""

    sha: str | None = None
    """Nothing where the files were not read."""
    entries: dict[str, TreeEntry] = field(default_factory=dict)
    setup_changes: dict[str, tuple[TreeEntry, TreeEntry]] = field(default_factory=dict)
    """Paths that setup changed: the entries of the base, and of the tree after setup."""
    staged: dict[str, TreeEntry] = field(default_factory=dict)
    """Entries that the runner made itself, through the filters of the setup."""
    unmerged: frozenset[str] = frozenset()
    notices: list[str] = field(default_factory=list)
    filter_faults: list[str] = field(default_factory=list)
    submodule_faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _WorkspaceReading:
    """The parts of one reading of a workspace."""

    repository: JobRepository
    state: SetupState
    head: Mapping[str, TreeEntry]
    at_setup: Mapping[str, TreeEntry]
    flags: IndexFlags
    tree: AgentTree

    @property
    def tracked_paths(self) -> frozenset[str]:
        return self.flags.paths if self.flags.is_usable else frozenset(self.head)


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading a workspace."""

    special: SpecialFiles
    includes_setup: bool = False
    reads_files: bool = True
    """Whether files count that are not committed."""


def read_agent_tree(
    repository: JobRepository, state: SetupState, head_sha: str, options: ReadingOptions
) -> AgentTree:
    """Read the workspace; what cannot be read is left out, and named."""
    tree = AgentTree()
    for index in (SETUP_INDEX, "index"):
        restore_index(repository, state, index)
    setup_tree = work_tree.write_tree(repository, SETUP_INDEX)
    tree.setup_changes = {
        change.path: (change.old, change.new)
        for change in trees.compare_trees(repository, state.base_sha, setup_tree)
    }
    head = trees.list_tree(repository, head_sha)
    if not options.reads_files:
        tree.entries = head
        return tree
    reading = _WorkspaceReading(
        repository=repository,
        state=state,
        head=head,
        at_setup=work_tree.list_entries(repository, SETUP_INDEX),
        flags=_read_agent_index(repository, head),
        tree=tree,
    )
    tree.unmerged = reading.flags.unmerged
    names = {*reading.at_setup, *head, *reading.flags.paths}
    restore_tracked(repository, options.special, names, SETUP_INDEX)
    tree.notices += options.special.notices
    _stage_changes(reading, work_tree.find_differences(repository))
    _settle_setup_changes(reading, includes_setup=options.includes_setup)
    tree.sha = work_tree.write_tree(repository)
    tree.entries = work_tree.list_entries(repository)
    return tree


def _read_agent_index(repository: JobRepository, head: Mapping[str, TreeEntry]) -> IndexFlags:
    copy = repository.run_script(COPY_INDEX, str(repository.scratch / AGENT_INDEX))
    flags = work_tree.read_flags(repository, AGENT_INDEX) if copy.code == 0 else IndexFlags()
    return IndexFlags() if head and not flags.paths else flags


def _stage_changes(reading: _WorkspaceReading, differences: WorkspaceDifferences) -> None:
    repository, tree = reading.repository, reading.tree
    tree.notices += differences.problems
    added_links = _settle_submodules(reading, differences)
    _leave_sparse_paths(reading, differences)
    worktrees = work_tree.list_worktrees(repository)
    nested: list[str] = []
    for folder in differences.nested:
        name = folder.rstrip("/")
        if str(repository.workspace / name) in worktrees:
            tree.notices.append(f"left out: {name}, a worktree of this repository")
        elif name not in added_links:
            nested += work_tree.list_nested_files(repository, folder)
            tree.notices.append(f"added as plain files: {name}, a repository of its own")
    same_mode = [path for path in differences.modified if path not in differences.other_mode]
    untouched = work_tree.find_untouched(repository, same_mode, reading.at_setup)
    differences.modified = [path for path in differences.modified if path not in untouched]
    changed = dict.fromkeys([*differences.modified, *differences.untracked, *nested])
    tracked = reading.tracked_paths - set(reading.at_setup) - set(changed) - reading.flags.skipped
    forced = {path for path in tracked if reading.head.get(path, ABSENT_ENTRY).mode != GITLINK_MODE}
    _stage_files(reading, [*changed, *sorted(forced - added_links)])
    _remove_untracked(reading, differences)


def _leave_sparse_paths(reading: _WorkspaceReading, differences: WorkspaceDifferences) -> None:
    """Let paths outside a sparse checkout be what the commit has, and remove all others."""
    skipped = reading.flags.skipped
    gone = set(differences.deleted)
    work_tree.remove_paths(reading.repository, sorted(gone - skipped))
    untouched = {path for path in skipped if path in gone or path not in reading.at_setup}
    entries = {path: reading.head.get(path, ABSENT_ENTRY) for path in untouched}
    work_tree.set_entries(reading.repository, entries)


def _stage_files(reading: _WorkspaceReading, paths: list[str]) -> None:
    repository, tree = reading.repository, reading.tree
    attributes = filters.read_attribute(repository, paths)
    unchanged = filters.find_unchanged(repository, attributes)
    paths = [path for path in paths if path not in unchanged]
    filtered = {path: name for path, name in attributes.items() if name in repository.setup.filters}
    taken = filters.find_clean_entries(repository, filtered, reading.flags, AGENT_INDEX)
    work_tree.set_entries(repository, taken)
    tree.staged |= taken
    failed = work_tree.stage_paths(repository, [path for path in paths if path not in filtered])
    failed |= filters.stage_filtered(repository, [path for path in filtered if path not in taken])
    if filtered:
        current = work_tree.list_entries(repository)
        filtered_entries = {
            path: current[path] for path in filtered if path in current and path not in failed
        }
        tree.staged |= filtered_entries
    hashes = hash_raw_files(repository, failed)
    restored = {}
    for path, reason in failed.items():
        if path in reading.state.unreadable and hashes[path] == reading.state.unreadable[path]:
            continue
        restored[path] = reading.head.get(path, ABSENT_ENTRY)
        if path in attributes:
            tree.filter_faults.append(
                f"{path}: its filter {attributes[path]!r} failed ({reason.splitlines()[0]})"
            )
        else:
            tree.notices.append(f"left out: {path} cannot be read ({reason.splitlines()[0]})")
    work_tree.set_entries(repository, restored)


def _remove_untracked(reading: _WorkspaceReading, differences: WorkspaceDifferences) -> None:
    """Take out files that the agent took out of its index, and did not change on the disk."""
    changed = {*differences.modified, *differences.deleted, *differences.gitlinks}
    current = work_tree.list_entries(reading.repository)
    before = trees.list_tree(reading.repository, reading.state.head_sha)
    removed = {
        path
        for path in {*before, *reading.head} - reading.tracked_paths
        if path in current
        and path not in changed
        and current[path] in (reading.at_setup.get(path), reading.head.get(path))
    }
    work_tree.remove_paths(reading.repository, sorted(removed))
    files = [path for path in sorted(removed) if current[path].mode != GITLINK_MODE]
    if files:
        reading.tree.notices.append(f"no longer tracked: {name_some(files)}")


def _settle_setup_changes(reading: _WorkspaceReading, *, includes_setup: bool) -> None:
    """Leave out what only setup changed, or write the objects of what is to be included."""
    tree = reading.tree
    current = work_tree.list_entries(reading.repository)
    untouched = {
        path: old
        for path, (old, new) in tree.setup_changes.items()
        if current.get(path, ABSENT_ENTRY) == new
    }
    if not includes_setup:
        work_tree.set_entries(reading.repository, untouched)
        return
    written = {path: tree.setup_changes[path][1] for path in untouched}
    work_tree.set_entries(reading.repository, written)
    work_tree.stage_paths(
        reading.repository, [path for path, entry in written.items() if entry.mode[:2] == "10"]
    )
    tree.setup_changes = {}


def _settle_submodules(
    reading: _WorkspaceReading, differences: WorkspaceDifferences
) -> frozenset[str]:
    """Decide on each submodule's entry; return the submodules that the agent added."""
    repository = reading.repository
    submodules = {path: e for path, e in reading.at_setup.items() if e.mode == GITLINK_MODE}
    gitmodules = _list_gitmodules(repository)
    added = {folder.rstrip("/") for folder in differences.nested} & gitmodules
    states = read_submodules(repository, [*submodules, *sorted(added)])
    entries = {}
    for path, entry in submodules.items():
        entries[path] = _decide_entry(reading, path, entry, states.get(path, Submodule()))
    for path in added:
        entries[path] = _decide_entry(reading, path, ABSENT_ENTRY, states.get(path, Submodule()))
    work_tree.set_entries(repository, entries)
    return frozenset(added)


def _decide_entry(
    reading: _WorkspaceReading, path: str, entry: TreeEntry, now: Submodule
) -> TreeEntry:
    before = reading.state.submodules.get(path, Submodule())
    recorded = reading.head.get(path, ABSENT_ENTRY)
    if not now.is_present:
        return recorded if path in reading.tracked_paths else ABSENT_ENTRY
    if now == before or (now.head_sha == entry.sha and now.is_clean):
        return recorded if path in reading.tracked_paths else ABSENT_ENTRY
    is_same_content = now.is_clean or now.changes == before.changes
    if is_same_content and now.is_published:
        return TreeEntry(GITLINK_MODE, now.head_sha)
    reading.tree.submodule_faults.append(path)
    return recorded if recorded.mode == GITLINK_MODE else entry


def _list_gitmodules(repository: JobRepository) -> frozenset[str]:
    """Return the paths of the submodules that `.gitmodules` knows."""
    output = repository.run_git(
        *("config", "--file", ".gitmodules", "--null"),
        *("--get-regexp", r"^submodule\..*\.path$"),
    )
    settings = output.data.split(b"\0")[:-1]
    return frozenset(decode_path(setting.partition(b"\n")[2]) for setting in settings)
