"""Submodules of a workspace: whether the agent worked in them, and at which commit they are.

A submodule is a repository of its own, to which a run does not push: work inside it cannot be part
of the run's commits. A commit that its own remote has may be recorded in the superproject.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.runner.repository.job_repository import JobRepository, encode_paths, split_zero

_READ_STATES = r"""
xargs -0 sh -c '
safe="-c core.fsmonitor=false -c core.hooksPath=/dev/null"
for path; do
  head= ; changes= ; published=
  if [ -e "$path/.git" ]; then
    head=$(git -C "$path" rev-parse --verify --quiet "HEAD^{commit}")
    changes=$({
      git $safe -C "$path" status --porcelain --untracked-files=all
      git $safe -C "$path" diff --no-ext-diff --no-textconv HEAD
    } 2>/dev/null | git hash-object --stdin)
    own=$(git -C "$path" rev-list -n 1 "$head" --not --remotes --tags 2>&1)
    [ -n "$head" ] && [ -z "$own" ] && published=yes
  fi
  printf "%s\0%s\0%s\0%s\0" "$path" "$head" "$changes" "$published"
done' sh
"""
_NO_CHANGES = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""The hashes of nothing, in both formats of repositories."""


@dataclass(frozen=True)
class Submodule:
    """The state of a submodule: its commit, and a digest of what differs from it."""

    head_sha: str = ""
    changes: str = ""
    is_published: bool = False

    @property
    def is_present(self) -> bool:
        return bool(self.head_sha or self.changes)

    @property
    def is_clean(self) -> bool:
        return self.changes in _NO_CHANGES


def read_submodules(repository: JobRepository, paths: Iterable[str]) -> dict[str, Submodule]:
    """Return the state of the submodules at these paths."""
    path_list = list(paths)
    if not path_list:
        return {}
    output = repository.run_script(_READ_STATES, stdin=encode_paths(path_list))
    fields = split_zero(output.data)
    rows = zip(fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=False)
    return {
        path: Submodule(head, changes, bool(published)) for path, head, changes, published in rows
    }
