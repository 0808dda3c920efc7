"""Pipes, sockets, devices and directories in the place of files that git opens.

Git waits indefinitely at a pipe that it takes for its ignore rules, and a device has no end.
So anything in the place of such a file is removed before the first command of git.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from chalicelib.runner.output.text import name_some
from chalicelib.runner.repository.job_repository import JobRepository, encode_paths, split_zero

_RULES = frozenset({".git", ".gitignore", ".gitattributes", ".gitmodules"})
_RULES_OF_HOME = frozenset({"ignore", "attributes"})
_MOST_BLOCKS = "200000"
"""About 100 MB of ignore rules or attributes: with more, each command of git takes minutes."""

_FIND = r"""
blocks=$1
look() {
  find "$1" \( -type p -o -type s -o -type b -o -type c \) -print0 \
    -o -type l \( -path '*/.git/*' -o -name '.git*' \) \
      -exec sh -c '[ -e "$1" ] && [ ! -f "$1" ] && [ ! -d "$1" ]' sh {} \; -print0 \
    -o \( -name .gitignore -o -name .gitattributes -o -path '*/.git/info/*' \) \
      -size "+$blocks" -print0
}
look .
look "${XDG_CONFIG_HOME:-$HOME/.config}/git"
for file in .git/worktrees/*/gitdir; do
  [ -f "$file" ] && look "$(dirname "$(head -c 4096 "$file")")"
done
for name in HEAD index packed-refs shallow FETCH_HEAD ORIG_HEAD info/exclude info/attributes \
    info/grafts info/sparse-checkout objects/info/alternates; do
  [ -d ".git/$name" ] && printf './.git/%s\0' "$name"
done
[ -f .git/info ] && printf './.git/info\0'
true
"""
_REMOVE = "xargs -0 rm -rf --"
_PUT_BACK = '[ -e ".git/$1" ] || cat > ".git/$1"'


@dataclass
class SpecialFiles:
    """Paths where git may expect a file and finds none: removed by now, or left alone."""

    removed: list[str] = field(default_factory=list)
    left: frozenset[str] = frozenset()

    @property
    def notices(self) -> list[str]:
        if not self.removed:
            return []
        return [
            f"out of git's way, since it is no file that git can read: {name_some(self.removed)}"
        ]


def remove_rules(repository: JobRepository) -> SpecialFiles:
    """Remove what git opens by itself; the rest stays, since the tests may need it."""
    listing = split_zero(repository.run_script(_FIND, _MOST_BLOCKS).data)
    opened = [path for path in dict.fromkeys(listing) if _is_opened(path)]
    _remove(repository, opened)
    removed = [path.removeprefix("./") for path in opened]
    _put_back_repository(repository, removed)
    left = {path.removeprefix("./") for path in listing} - set(removed)
    return SpecialFiles(removed, frozenset(left))


def restore_tracked(
    repository: JobRepository, special: SpecialFiles, tracked: Collection[str], index: str
) -> None:
    """Remove special files in the place of tracked ones, and write these as an index has them."""
    in_place = sorted(special.left.intersection(tracked))
    _remove(repository, in_place)
    special.removed += in_place
    restored = [path for path in special.removed if path in tracked]
    if restored:
        stdin = encode_paths(restored)
        repository.run_git("checkout-index", "--force", "-z", "--stdin", index=index, stdin=stdin)


def _remove(repository: JobRepository, paths: Collection[str]) -> None:
    if paths:
        repository.run_script(_REMOVE, stdin=encode_paths(paths))


def _put_back_repository(repository: JobRepository, removed: Collection[str]) -> None:
    """Write again what a repository cannot be without, as it was after setup."""
    repository.run_script(_PUT_BACK, "HEAD", stdin=repository.setup.head)
    if ".git/shallow" in removed and repository.setup.shallow:
        repository.run_script(_PUT_BACK, "shallow", stdin=repository.setup.shallow)


def _is_opened(path: str) -> bool:
    parts = PurePosixPath(path).parts
    is_of_home = path.startswith("/") and parts[-1] in _RULES_OF_HOME
    return parts[-1] in _RULES or ".git" in parts or is_of_home
