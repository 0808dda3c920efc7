"""The agent's commits: found, and written again only where something in them may not be pushed.

A commit is unchanged, with its id and signature, except in three cases. It holds changes by setup
alone, a link to a nested repository, or has no parent that the base knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.repository import trees, work_tree
from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.trees import ABSENT_ENTRY, GITLINK_MODE, TreeChange, TreeEntry

REWRITE_INDEX = "rewrite-index"
_NOT_KEPT = (b"gpgsig", b"mergetag")
_OBJECT_NAMES = (b"tree", b"parent")


@dataclass(frozen=True)
class GitCommit:
    """One commit object."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    headers: tuple[bytes, ...]
    """All other headers, each with its continued lines."""
    message: bytes

    @property
    def author_line(self) -> bytes:
        return next((line for line in self.headers if line.startswith(b"author ")), b"")

    @property
    def committer_line(self) -> bytes:
        return next((line for line in self.headers if line.startswith(b"committer ")), b"")

    def encode_with(self, tree: str, parents: Iterable[str]) -> bytes:
        """Return the object with another tree and other parents; a signature would be wrong."""
        names = [b"tree " + tree.encode(), *(b"parent " + each.encode() for each in parents)]
        headers = [header for header in self.headers if not header.startswith(_NOT_KEPT)]
        return b"\n".join([*names, *headers]) + b"\n\n" + self.message


@dataclass
class CommitHistory:
    """Commits in the order in which they were made, with what each brought."""

    commits: dict[str, GitCommit] = field(default_factory=dict)
    changes: dict[str, list[TreeChange]] = field(default_factory=dict)
    shallow: frozenset[str] = frozenset()

    @property
    def new_entries(self) -> list[tuple[str, TreeEntry]]:
        """Each path and entry that some commit brought, once."""
        pairs = {
            (change.path, change.new)
            for changes in self.changes.values()
            for change in changes
            if change.new != ABSENT_ENTRY
        }
        return sorted(pairs)


def read_history(repository: JobRepository, head: str, excluded: Iterable[str]) -> CommitHistory:
    """Return the commits that `head` has and none of the excluded commits has."""
    revisions = "\n".join([head, *(f"^{sha}" for sha in sorted(set(excluded)))]) + "\n"
    shas = repository.read_text(
        "rev-list", "--topo-order", "--reverse", "--stdin", stdin=revisions.encode()
    ).split()
    history = CommitHistory(shallow=_read_shallow(repository))
    if not shas:
        return history
    history.commits = {commit.sha: commit for commit in read_commits(repository, shas)}
    history.changes = _read_changes(repository, shas)
    return history


def _read_shallow(repository: JobRepository) -> frozenset[str]:
    output = repository.run_script("cat .git/shallow")
    return frozenset(output.data.decode(errors="replace").split())


def _read_changes(repository: JobRepository, commits: list[str]) -> dict[str, list[TreeChange]]:
    """Return what each commit changed; of a merge, what none of its parents has."""
    arguments = ("diff-tree", "--stdin", "-c", "-r", "-z", "--root", "--raw", "--no-renames")
    data = repository.read_bytes(*arguments, stdin="".join(f"{sha}\n" for sha in commits).encode())
    changes: dict[str, list[TreeChange]] = {sha: [] for sha in commits}
    pieces: dict[str, list[bytes]] = {sha: [] for sha in commits}
    current, fields = "", iter(data.split(b"\0"))
    for piece in fields:
        if piece.startswith(b":"):
            pieces[current] += [piece, next(fields)]
        elif piece:
            current = piece.split()[0].decode()
    for sha, parts in pieces.items():
        changes[sha] = trees.parse_changes(b"\0".join([*parts, b""]))
    return changes


def read_commits(repository: JobRepository, commits: list[str]) -> list[GitCommit]:
    """Return these commit objects as they are stored, without the grafts of a shallow clone."""
    stdin = "".join(f"{sha}\n" for sha in commits).encode()
    data = repository.read_bytes("cat-file", "--batch", stdin=stdin)
    parsed, position = [], 0
    for sha in commits:
        end = data.index(b"\n", position)
        facts = data[position:end].split()
        if len(facts) != 3 or facts[1] != b"commit":
            raise JobFailed(ErrorClass.AGENT, f"the commit {sha[:12]} cannot be read")
        start, size = end + 1, int(facts[2])
        parsed.append(_parse_commit(sha, data[start : start + size]))
        position = start + size + 1
    return parsed


def _parse_commit(sha: str, content: bytes) -> GitCommit:
    head, _, message = content.partition(b"\n\n")
    headers: list[bytes] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and headers:
            headers[-1] += b"\n" + line
        else:
            headers.append(line)
    fields = [header.partition(b" ") for header in headers if header.startswith(_OBJECT_NAMES)]
    trees = [value.decode() for name, _, value in fields if name == b"tree"]
    parents = [value.decode() for name, _, value in fields if name == b"parent"]
    others = [header for header in headers if not header.startswith(_OBJECT_NAMES)]
    return GitCommit(sha, trees[0], tuple(parents), tuple(others), message)


@dataclass(frozen=True, kw_only=True)
class RewriteRules:
    """The decisions on what the run's commits may hold."""

    base: GitCommit
    renamed: Mapping[str, str]
    """Commits of setup, and their replacements."""
    setup_changes: Mapping[str, tuple[TreeEntry, TreeEntry]]
    gitlinks: Mapping[str, TreeEntry]
    """Each submodule that the last commit has."""
    title: str


@dataclass(frozen=True)
class RewrittenHistory:
    """The commit that replaces the last one, and sentences for the log."""

    head: str
    commits: tuple[str, ...]
    notices: tuple[str, ...]


def rewrite_history(
    repository: JobRepository, head: str, history: CommitHistory, rules: RewriteRules
) -> RewrittenHistory:
    """Write again the commits that break a rule, and all that follow them."""
    stands_for = dict(rules.renamed)
    notices: dict[str, None] = {}
    kept_shas: list[str] = []
    all_changes = [change for changes in history.changes.values() for change in changes]
    is_checked = bool(rules.setup_changes) or _has_foreign_link(all_changes, rules)
    for commit in history.commits.values():
        parents = tuple(stands_for.get(parent, parent) for parent in commit.parents)
        is_root = not commit.parents and commit.sha not in history.shallow
        if is_root:
            parents = (rules.base.sha,)
            notices[f"{commit.sha[:12]} had no parent: it now follows {rules.base.sha[:12]}"] = None
        tree = _clean_tree(repository, commit, rules, notices) if is_checked else commit.tree
        if tree == commit.tree and parents == commit.parents:
            kept_shas.append(commit.sha)
            continue
        if _is_emptied(repository, commit, tree, parents):
            stands_for[commit.sha] = parents[0]
            continue
        source = _as_own_work(commit, rules) if is_root else commit
        stands_for[commit.sha] = _write_commit(
            repository, source.encode_with(tree, _unique_parents(parents))
        )
        kept_shas.append(stands_for[commit.sha])
    return RewrittenHistory(stands_for.get(head, head), tuple(kept_shas), tuple(notices))


def _clean_tree(
    repository: JobRepository, commit: GitCommit, rules: RewriteRules, notices: dict[str, None]
) -> str:
    """Return a commit's tree without what only setup changed, and without foreign links."""
    replaced: dict[str, TreeEntry] = {}
    entries = trees.list_tree(repository, commit.tree)
    for path, entry in entries.items():
        if entry.mode == GITLINK_MODE and entry != rules.gitlinks.get(path):
            replaced[path] = rules.gitlinks.get(path, ABSENT_ENTRY)
    for path, (old, new) in rules.setup_changes.items():
        if entries.get(path, ABSENT_ENTRY) == new:
            replaced[path] = old
            notices["left out of the agent's commits: what setup changed"] = None
    if not replaced:
        return commit.tree
    repository.read_bytes("read-tree", commit.tree, index=REWRITE_INDEX)
    work_tree.set_entries(repository, replaced, REWRITE_INDEX)
    return work_tree.write_tree(repository, REWRITE_INDEX)


def _has_foreign_link(changes: list[TreeChange], rules: RewriteRules) -> bool:
    return any(
        change.new.mode == GITLINK_MODE and change.new != rules.gitlinks.get(change.path)
        for change in changes
    )


def _is_emptied(
    repository: JobRepository, commit: GitCommit, tree: str, parents: tuple[str, ...]
) -> bool:
    """Return whether nothing is left of what a commit brought."""
    if len(parents) != 1 or tree == commit.tree:
        return False
    return repository.read_text("rev-parse", f"{parents[0]}^{{tree}}") == tree


def _as_own_work(commit: GitCommit, rules: RewriteRules) -> GitCommit:
    """Return a commit that amends the base under the name and title of who did it."""
    headers = tuple(
        commit.committer_line.replace(b"committer", b"author", 1)
        if header == rules.base.author_line
        else header
        for header in commit.headers
    )
    message = commit.message
    if message == rules.base.message:
        message = rules.title.encode() + b"\n"
    return GitCommit(commit.sha, commit.tree, commit.parents, headers, message)


def _unique_parents(parents: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parents))


def _write_commit(repository: JobRepository, content: bytes) -> str:
    return repository.read_text("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)
