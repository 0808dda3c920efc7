"""Filters of a repository: no byte of a filtered path is pushed that its filter would not make."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from chalicelib.runner.errors import Overrun
from chalicelib.runner.repository import trees, work_tree
from chalicelib.runner.repository.job_repository import JobRepository, encode_paths, split_zero
from chalicelib.runner.repository.trees import ABSENT_ENTRY, TreeEntry
from chalicelib.runner.repository.work_tree import IndexFlags

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-\d-[^\n]*\n)*"
    rb"oid sha256:[0-9a-f]{64}\nsize \d+\n"
)
_MOST_POINTER_BYTES = 1024
FILTERS = "filters"

_CHECK = r"""
work=$(mktemp -d "$3/checked-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
git cat-file blob "$2" > "$work/blob" || exit 1
made=$(git hash-object --stdin --path="$1" < "$work/blob") && [ "$made" = "$2" ] && exit 0
git cat-file --filters --path="$1" "$2" > "$work/file" || exit 1
first=$(git hash-object --stdin --path="$1" < "$work/file") || exit 1
[ "$first" = "$2" ] && exit 0
cmp -s "$work/blob" "$work/file" && exit 1
second=$(git hash-object --stdin --path="$1" < "$work/file") || exit 1
[ "$first" != "$second" ]
"""
"""A blob is the filter's own if the filter makes the same again: of the blob itself, or of the file
that it becomes. A filter that never makes the same twice must at least turn it into something else.
"""
_IS_NORMALISED = """
[ "$(git cat-file blob "$2" | git hash-object --stdin --path="$1")" = "$4" ]
"""
_COMPARE = """
made=$(git cat-file --filters --path="$1" "$2" | git hash-object --no-filters --stdin) || exit 1
[ "$made" = "$(git hash-object --no-filters -- "$1")" ]
"""
"""Sizes and times miss changes of a file in the second in which its index was written."""
_LIST_CONTENTS = r"""
xargs -0 -n 2 sh -c '
show() { [ -f "$1" ] && [ ! -L "$1" ] && git hash-object --no-filters -- "$1"; }
for made in "$(git cat-file --filters --path="$2" "$1" | git hash-object --no-filters --stdin)" \
    "$(show "$2")"; do printf "%s %s\0" "$made" "$2"; done' sh
"""
"""The contents of filtered paths as programs see them: of the base, and as they are now."""
_HASH_FILES = r"""
xargs -0 sh -c '
for file; do
  [ -f "$file" ] && [ ! -L "$file" ] &&
    printf "%s %s\0" "$(git hash-object --no-filters -- "$file")" "$file"
done
true' sh
"""


def is_filtered(repository: JobRepository, path: str, entry: TreeEntry) -> bool:
    """Return whether a blob is one that the filter of its path makes."""
    return _check_filter(repository, _CHECK, path, entry)


def _becomes_file(repository: JobRepository, path: str, entry: TreeEntry) -> bool:
    """Return whether the filter makes the file at a path, as it is now, of a blob."""
    return _check_filter(repository, _COMPARE, path, entry)


def _check_filter(
    repository: JobRepository, script: str, path: str, entry: TreeEntry, other: str = ""
) -> bool:
    options = [part for part in work_tree.required_filters(repository) if part != "-c"]
    pairs = [option.partition("=")[::2] for option in options]
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (name, text) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": text}
    arguments = (path, entry.sha, str(repository.scratch), other)
    if FILTERS in repository.stuck:
        return False
    try:
        return repository.run_script_on_index(script, *arguments, variables=variables).code == 0
    except Overrun:
        repository.stuck.add(FILTERS)
        return False


def is_pointer(repository: JobRepository, entry: TreeEntry) -> bool:
    """Return whether a blob is a pointer of Git LFS, which is what its filter makes of any file."""
    size = repository.read_text("cat-file", "-s", entry.sha)
    if int(size) > _MOST_POINTER_BYTES:
        return False
    return _POINTER.fullmatch(repository.read_bytes("cat-file", "blob", entry.sha)) is not None


def find_clean_entries(
    repository: JobRepository, filtered: Mapping[str, str], flags: IndexFlags, index: str
) -> dict[str, TreeEntry]:
    """Return the entries that the agent's own index has for files as they are now.

    A filter may make other bytes each time, so what the agent's git made already is taken.
    """
    candidates = (set(filtered) & flags.paths) - flags.unmerged - flags.assumed - flags.skipped
    if not candidates:
        return {}
    dirty = work_tree.list_stat_changes(repository, index)
    entries = work_tree.list_entries(repository, index)
    return {
        path: entries[path]
        for path in sorted(candidates & set(entries))
        if (path not in dirty or _becomes_file(repository, path, entries[path]))
        and is_filtered(repository, path, entries[path])
    }


def stage_filtered(repository: JobRepository, paths: Collection[str]) -> dict[str, str]:
    """Bring files into the index through their filters; return why each other could not be."""
    try:
        return work_tree.stage_paths(repository, paths)
    except Overrun as overrun:
        repository.stuck.add(FILTERS)
        return dict.fromkeys(paths, overrun.message)


def hash_hidden_contents(repository: JobRepository) -> frozenset[str]:
    """Return the hash of each filtered file as programs see it now, with its path."""
    hiding_drivers = set(repository.setup.filters) - {"lfs"}
    names = read_attribute(repository, work_tree.list_entries(repository)) if hiding_drivers else {}
    hidden = [path for path, name in names.items() if name in hiding_drivers]
    return _hash_files(repository, hidden)


def find_unchanged(repository: JobRepository, names: Mapping[str, str]) -> set[str]:
    """Return the files of filters that are not run which are as they were after setup."""
    paths = [path for path, name in names.items() if name in repository.setup.distrusted]
    same = _hash_files(repository, paths) & repository.setup.hidden_contents
    return {record.partition(" ")[2] for record in same}


def _hash_files(repository: JobRepository, paths: Collection[str]) -> frozenset[str]:
    if not paths:
        return frozenset()
    output = repository.run_script(_HASH_FILES, stdin=encode_paths(paths))
    return frozenset(split_zero(output.data))


def find_faults(
    repository: JobRepository,
    entries: Iterable[tuple[str, TreeEntry]],
    staged: Mapping[str, TreeEntry],
    base_sha: str,
) -> dict[str, str]:
    """Return a sentence for each path with a new entry that would be pushed in clear.

    Its filter did not make it, or it is the content of a filtered path under another name. The
    attributes that count are those of the base and of the tree after setup.
    """
    files = [(path, entry) for path, entry in entries if entry.mode in ("100644", "100755")]
    paths = sorted({path for path, _ in files})
    repository.read_bytes("read-tree", base_sha, index="base-index")
    before = read_attribute(repository, paths, cached=True, index="base-index")
    before |= read_attribute(repository, paths, cached=True, index="setup-index")
    now = read_attribute(repository, list(before))
    faults = {}
    for path, entry in files:
        if path in before and path not in faults:
            reason = _find_fault(repository, (path, entry), before[path], now.get(path), staged)
            if reason:
                faults[path] = f"{path}: {reason}"
    moved = [(path, entry) for path, entry in files if path not in before]
    return faults | _find_moved(repository, moved, base_sha)


def _find_moved(
    repository: JobRepository, files: list[tuple[str, TreeEntry]], base_sha: str
) -> dict[str, str]:
    """Return a sentence for each path without a filter that has the content of a filtered one."""
    drivers = repository.setup.filters | set(repository.setup.distrusted)
    base = trees.list_tree(repository, base_sha) if files and drivers else {}
    names = read_attribute(repository, list(base), cached=True, index="base-index")
    # A pointer of Git LFS protects nothing: its file may be stored under any name.
    hiding_drivers = drivers - {"lfs"}
    hidden = {path: name for path, name in names.items() if name in hiding_drivers}
    if not hidden:
        return {}
    stdin = encode_paths(part for path in hidden for part in (base[path].sha, path))
    try:
        output = repository.run_script(_LIST_CONTENTS, stdin=stdin)
    except Overrun as overrun:
        return {path: f"{path}: it cannot be compared ({overrun.message})" for path, _ in files}
    records = [*split_zero(output.data), *repository.setup.hidden_contents]
    pairs = (record.partition(" ") for record in records)
    empty = repository.read_text("hash-object", "--stdin")
    sources = {
        sha: path
        for sha, _, path in pairs
        if sha not in ("", empty, base.get(path, ABSENT_ENTRY).sha) and path in hidden
    }
    return {
        path: f"{path}: it is the content of {sources[entry.sha]}, whose filter it would lose"
        for path, entry in files
        if entry.sha in sources
    }


def _find_fault(
    repository: JobRepository,
    item: tuple[str, TreeEntry],
    before: str,
    now: str | None,
    staged: Mapping[str, TreeEntry],
) -> str:
    path, entry = item
    if now != before:
        return f"its filter {before!r} would be lost"
    if before == "lfs" and is_pointer(repository, entry):
        return ""
    if before in repository.setup.distrusted:
        return (
            f"its filter {before!r} runs {repository.setup.distrusted[before]}, which was changed"
        )
    if before not in repository.setup.filters:
        return f"its filter {before!r} is not set up in this job: let the setup commands do that"
    if staged.get(path) == entry or is_filtered(repository, path, entry):
        return ""
    return f"its content in {entry.sha[:12]} did not go through its filter {before!r}"


def read_attribute(
    repository: JobRepository,
    paths: Iterable[str],
    *,
    cached: bool = False,
    index: str = "index",
) -> dict[str, str]:
    """Return the `filter` attribute of paths, by the files' attributes or by those of an index."""
    path_list = list(paths)
    if not path_list:
        return {}
    source = ("--cached",) if cached else ()
    output = repository.read_bytes(
        "check-attr", "-z", *source, "--stdin", "filter", stdin=encode_paths(path_list), index=index
    )
    fields = split_zero(output)
    triples = zip(fields[::3], fields[2::3], strict=True)
    return {path: name for path, name in triples if name not in ("unspecified", "unset", "set")}


def find_normalised(
    repository: JobRepository,
    new: Iterable[tuple[str, TreeEntry]],
    base_sha: str,
    final: Mapping[str, TreeEntry],
) -> dict[str, tuple[TreeEntry, TreeEntry]]:
    """Return the entries of commits that hold a file of the base with other line ends alone.

    The file itself is as it was: `git add` of everything wrote it so, and not the agent.
    """
    pairs = [(path, entry) for path, entry in new if path in final and final[path] != entry]
    base = trees.list_tree(repository, base_sha) if pairs else {}
    return {
        path: (base[path], entry)
        for path, entry in pairs
        if final[path] == base.get(path)
        and entry.mode == base[path].mode
        and _check_filter(repository, _IS_NORMALISED, path, base[path], entry.sha)
    }
