"""Names of commits in a job's repository: references, root references, stashes and reflogs.

Commits that also exist elsewhere, or that the agent replaced, do not count as work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chalicelib.runner.repository.job_repository import JobRepository, decode_path
from chalicelib.runner.repository.work_tree import list_worktrees

_COPIES = (
    *("refs/remotes/", "refs/prefetch/"),
    *("refs/pull/", "refs/pull-requests/", "refs/merge-requests/", "refs/changes/"),
)
"""References that only a fetch makes: another repository has their commits."""
_RECORDS = {
    "refs/notes/": "notes on commits",
    "refs/replace/": "replacements of objects",
    "refs/original/": "commits from before git filter-branch",
    "refs/bisect/": "marks of git bisect",
    "refs/rewritten/": "marks of git rebase",
    "refs/jj/": "earlier states that jj keeps",
    "refs/branchless/": "earlier states that git-branchless keeps",
}
"""References that annotate commits, or protect replaced ones from garbage collection."""
_MOST_LINES = 10_000
_MOST_FETCHED_BYTES = 1 << 24

_LIST_FILES = r"""
cd .git || exit 0
show() { [ -f "$1" ] && [ ! -L "$1" ] && printf '%s %s\n' "$(head -c 64 "$1")" "$2"; }
for root in . worktrees/*; do
  for file in "$root"/*_HEAD "$root"/MERGE_AUTOSTASH "$root"/rebase-*/autostash; do
    case "${file##*/}" in
    ORIG_HEAD | FETCH_HEAD | REBASE_HEAD | BISECT_HEAD | REVERT_HEAD) ;;
    *) show "$file" "${file#./}" ;;
    esac
  done
  [ "$root" = . ] || find "$root/refs" -type f 2>/dev/null |
    while IFS= read -r file; do show "$file" "$file"; done
  [ -f "$root/logs/HEAD" ] && tail -n "$1" "$root/logs/HEAD" |
    sed -n 's/.*\tcheckout: moving from \([0-9a-f]\{40,64\}\) to .*/\1 -/p'
done
true
"""
"""Root references, autostashes, references of linked worktrees, and commits that HEAD left.

HEAD names every commit at some time, so one counts only where it was checked out without a branch.
"""
_READ_FETCH_HEAD = '[ -f .git/FETCH_HEAD ] && head -c "$1" .git/FETCH_HEAD'
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
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FETCH = re.compile(r"(?P<sha>\S+) (?:fetch|pull) (?P<words>.*): (?:storing|fast-forward|forced)")


@dataclass(frozen=True)
class Tip:
    """A commit, and the name under which the agent left it."""

    name: str
    sha: str
    is_branch: bool = False


def list_tips(repository: JobRepository) -> list[Tip]:
    """Return each commit that something of the agent's names, with the best name of it."""
    tips = [tip for tip in _list_references(repository) if not _is_no_work(tip.name)]
    tips.sort(key=lambda tip: not tip.is_branch)
    stashes = repository.run_git("rev-list", "--walk-reflogs", "refs/stash", "--")
    for number, sha in enumerate(stashes.data.decode().split()):
        tips.append(Tip(f"stash@{{{number}}}", sha))
    for path, commit in list_worktrees(repository).items():
        tips.append(Tip(f"the worktree {path}", _commit_worktree(repository, path, commit)))
    tips += _list_files(repository)
    tips += [Tip("FETCH_HEAD", sha) for sha, url in _read_fetch_head(repository) if _is_path(url)]
    by_sha: dict[str, Tip] = {}
    for tip in tips:
        by_sha.setdefault(tip.sha, tip)
    return [Tip(_name(tip), tip.sha, tip.is_branch) for tip in by_sha.values()]


def list_records(repository: JobRepository) -> Mapping[str, list[str]]:
    """Return the commits of references that are kept as a record, by what they are."""
    records: dict[str, list[str]] = {}
    for tip in _list_references(repository):
        for prefix, what in _RECORDS.items():
            if tip.name.startswith(prefix):
                records.setdefault(f"{prefix}* ({what})", []).append(tip.sha)
    return records


def list_fetched(repository: JobRepository) -> set[str]:
    """Return the commits that git fetched from a URL, so that another machine has them."""
    fetched = {sha for sha, source in _read_fetch_head(repository) if not _is_path(source)}
    fetched |= {tip.sha for tip in _list_references(repository) if tip.name.startswith(_COPIES)}
    log = repository.run_git("log", "--walk-reflogs", "--branches", "--format=%H %gs", "--")
    for line in log.data.decode(errors="replace").splitlines():
        match = _FETCH.match(line)
        arguments = [word for word in match["words"].split() if word[0] != "-"] if match else []
        if match and arguments and not _is_path(arguments[0]):
            fetched.add(match["sha"])
    return fetched


def _read_fetch_head(repository: JobRepository) -> list[tuple[str, str]]:
    """Return what the last fetch brought, each with the URL or directory that it is from."""
    output = repository.run_script(_READ_FETCH_HEAD, str(_MOST_FETCHED_BYTES))
    lines = [line.split("\t") for line in decode_path(output.data).splitlines()]
    return [
        (fields[0], fields[-1].rpartition(" of ")[2])
        for fields in lines
        if _SHA.fullmatch(fields[0])
    ]


def keep_existing(repository: JobRepository, commits: Iterable[str]) -> list[str]:
    """Return the commits that are still there: the agent may have removed some."""
    unique = sorted(set(commits))
    if not unique:
        return []
    stdin = "".join(f"{sha}\n" for sha in unique).encode()
    output = repository.read_text(
        "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin
    )
    pairs = [line.split() for line in output.splitlines()]
    return [pair[0] for pair in pairs if pair[1:] == ["commit"]]


def _list_references(repository: JobRepository) -> list[Tip]:
    format_ = "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
    tips = []
    for line in decode_path(repository.read_bytes("for-each-ref", format_)).splitlines():
        kind, sha, peeled_kind, peeled, name = line.split(" ", 4)
        if "commit" in (kind, peeled_kind):
            is_branch = name.startswith("refs/heads/")
            tips.append(Tip(name, sha if kind == "commit" else peeled, is_branch))
    return tips


def _list_files(repository: JobRepository) -> list[Tip]:
    output = repository.run_script(_LIST_FILES, str(_MOST_LINES))
    tips = []
    for line in decode_path(output.data).splitlines():
        sha, _, name = line.partition(" ")
        if _SHA.fullmatch(sha):
            tips.append(Tip(f"the commit {sha[:12]}" if name == "-" else name, sha))
    return tips


def _commit_worktree(repository: JobRepository, path: str, head: str) -> str:
    """Return a commit of what a linked worktree holds uncommitted, otherwise its own commit."""
    index = str(repository.scratch / "worktree-index")
    variables = {"GIT_WORK_TREE": path, "GIT_INDEX_FILE": index}
    output = repository.run_script_on_index(_COMMIT, path, head, variables=variables)
    return output.data.decode(errors="replace").strip() or head


def _is_no_work(name: str) -> bool:
    return name.startswith((*_COPIES, *_RECORDS))


def _is_path(source: str) -> bool:
    """Return whether git fetched from a directory of this machine, which ends with the job."""
    return source.startswith((".", "~")) or ("/" in source and ":" not in source)


def _name(tip: Tip) -> str:
    for prefix, kind in {"refs/heads/": "the branch", "refs/tags/": "the tag"}.items():
        if tip.name.startswith(prefix):
            return f"{kind} {tip.name.removeprefix(prefix)}"
    return "stash" if tip.name == "refs/stash" else tip.name
