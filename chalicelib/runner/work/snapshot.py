"""The commits of a run as they were taken from a workspace, and the request for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.runner.repository.job_repository import PATIENCE_SECONDS
from chalicelib.runner.work.refusal import Refusal


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The run's commits in a repository that no program of the job has seen.

    The repository is bare and shallow: it holds `base` and all commits of `head` since then. Other
    work that the agent left is there under `refs/heads/kept`.
    """

    base: str
    head: str
    commits: tuple[str, ...]
    diff_stat: str
    notices: tuple[str, ...]
    refused: Refusal | None
    repository: Path
    forge_commits: tuple[str, ...] = ()
    """Commits of the repository that the forge has: `base`, and others that `head` follows."""
    ends: tuple[str, ...] = ()
    """Commits of the repository whose parents it does not have."""
    lfs_objects: tuple[str, ...] = ()
    """Objects of Git LFS that come with the commits; they are in the repository as well."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Commits that `head` does not have, by a name for people."""
    in_clear: frozenset[str] = frozenset()
    """Paths that hold what a filter should have hidden: they are neither pushed nor kept."""


@dataclass(frozen=True, kw_only=True)
class SnapshotRequest:
    """The purpose of a snapshot."""

    title: str
    continues: bool = False
    includes_setup: bool = False
    reads_files: bool = True
    """Whether the files are read; without them, the agent's own commits are the work."""
    seconds: float = PATIENCE_SECONDS
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    find_published: Callable[[frozenset[str]], frozenset[str]] = lambda _: frozenset()
    """Returns those of the given commits that the base branch has by now."""
