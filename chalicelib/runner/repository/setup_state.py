"""The state of a job's repository after setup: what the agent's work is compared with."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.repository import filter_programs, filters, git_config, work_tree
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import (
    PATIENCE_SECONDS,
    JobRepository,
    RepositorySetup,
    encode_paths,
)
from chalicelib.runner.repository.submodules import Submodule, read_submodules
from chalicelib.runner.repository.work_tree import IndexFlags

COPY_INDEX = 'test -f .git/index && cp -p .git/index "$1"'
_NEXT = b"optio.next\0"
_READ_SETUP = """
unset GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_ATTR_NOSYSTEM
git -c core.fsmonitor=false config --null --list || exit 1
printf 'optio.next\\0'
cat .git/info/attributes 2>/dev/null
printf 'optio.next\\0'
file=$(git config --type=path core.attributesFile) ||
  file="${XDG_CONFIG_HOME:-$HOME/.config}/git/attributes"
cat "$file" 2>/dev/null
printf 'optio.next\\0'
file=$(git config --type=path core.excludesFile) ||
  file="${XDG_CONFIG_HOME:-$HOME/.config}/git/ignore"
cat "$file" 2>/dev/null
printf 'optio.next\\0'
cat .git/HEAD
printf 'optio.next\\0'
cat .git/shallow 2>/dev/null
exit 0
"""
_MOST_INDEX_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class SetupState:
    """A job's repository as setup left it; held in memory, where no program can change it."""

    base_sha: str
    head_sha: str
    tree: str
    """The workspace as a tree, through the job's own filters."""
    setup: RepositorySetup
    index: bytes = field(repr=False)
    index_times: tuple[int, int]
    refs: frozenset[str] = frozenset()
    """Every commit that a branch, tag, stash or worktree named."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Files that could not be read through their filters, with the hash of their bytes."""
    submodules: Mapping[str, Submodule] = field(default_factory=dict)


def record_setup_state(
    git: Git, workspace: Path, base_sha: str, environment: Mapping[str, str]
) -> SetupState:
    """Return what the workspace is now, before the agent begins."""
    check_repository(workspace, ErrorClass.SETUP)
    setup = _read_setup(git, workspace, base_sha, environment)
    repository = JobRepository.open_repository(git, workspace, environment, setup)
    try:
        head = repository.run_git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        head_sha = head.data.decode().strip() or base_sha
        flags = _read_index(repository, head_sha)
        failed = _stage_workspace(repository, flags)
        links = work_tree.list_gitlinks(repository)
        index, times = _take_index(repository)
        return SetupState(
            base_sha=base_sha,
            head_sha=head_sha,
            tree=work_tree.write_tree(repository),
            setup=replace(setup, hidden_contents=filters.hash_hidden_contents(repository)),
            index=index,
            index_times=times,
            refs=work_tree.list_ref_commits(repository),
            unreadable=hash_raw_files(repository, failed),
            submodules=read_submodules(repository, links),
        )
    finally:
        repository.remove_scratch()


def check_repository(workspace: Path, by: ErrorClass) -> None:
    """Raise where the workspace's own repository is gone, or is another's."""
    directory = workspace / ".git"
    if directory.is_symlink() or not directory.is_dir():
        raise JobFailed(by, f"the {by} removed its workspace or its repository")


def restore_index(repository: JobRepository, state: SetupState, name: str) -> None:
    """Write the index of after setup to the scratch directory, with its times."""
    with repository.open_scratch(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        with os.fdopen(file, "wb", closefd=False) as stream:
            stream.write(state.index)
        os.utime(file, ns=state.index_times)
        if user := repository.git.job_user:
            os.fchown(file, user.number, user.number)


def hash_raw_files(repository: JobRepository, paths: Mapping[str, str]) -> dict[str, str]:
    """Return the hash of each file's bytes as they are; `-` where they cannot be read."""
    hashes = {}
    for path in paths:
        output = repository.run_git("hash-object", "--no-filters", "--", path)
        hashes[path] = output.data.decode().strip() if output.code == 0 else "-"
    return hashes


def _read_setup(
    git: Git, workspace: Path, base_sha: str, environment: Mapping[str, str]
) -> RepositorySetup:
    job = git.as_job(environment)
    argv = ("/bin/sh", "-c", _READ_SETUP)
    output = job.read_bytes(*argv, cwd=workspace, seconds=PATIENCE_SECONDS)
    parts = output.data.split(_NEXT)
    if output.code != 0 or len(parts) != 6:
        raise JobFailed(
            ErrorClass.SETUP,
            f"setup left a repository that cannot be read: {output.failure_reason}",
        )
    listing, attributes, global_attributes, global_excludes, head, shallow = parts
    filter_words = filter_programs.list_words(listing, environment)
    all_words = {word for driver in filter_words.values() for word in driver}
    return RepositorySetup(
        filter_words=filter_words,
        filter_programs=filter_programs.hash_programs(job, workspace, all_words)
        if all_words
        else frozenset(),
        config=git_config.keep_settings(listing),
        attributes=attributes,
        global_attributes=global_attributes,
        global_excludes=global_excludes,
        filters=git_config.list_filters(listing),
        null_sha="0" * len(base_sha),
        head=head,
        shallow=shallow,
    )


def _read_index(repository: JobRepository, head_sha: str) -> IndexFlags:
    """Make an index of the commit, with the sizes and times that the job's own index knows."""
    copy = repository.run_script(COPY_INDEX, str(repository.scratch / "index"))
    flags = work_tree.read_flags(repository, "index") if copy.code == 0 else IndexFlags()
    if not flags.is_usable or repository.run_git("read-tree", "--reset", head_sha).code != 0:
        repository.run_script('rm -f "$1" "$1.lock"', str(repository.scratch / "index"))
        repository.read_bytes("read-tree", head_sha)
    hidden = flags.skipped | flags.assumed
    if hidden:
        for option in ("--no-assume-unchanged", "--no-skip-worktree"):
            repository.run_git("update-index", option, "-z", "--stdin", stdin=encode_paths(hidden))
    return flags


def _stage_workspace(repository: JobRepository, flags: IndexFlags) -> dict[str, str]:
    """Bring all that setup changed into the index; return what could not be read."""
    differences = work_tree.find_differences(repository)
    worktrees = work_tree.list_worktrees(repository)
    nested = [
        path
        for folder in differences.nested
        if str(repository.workspace / folder) not in worktrees
        for path in work_tree.list_nested_files(repository, folder)
    ]
    gone = [path for path in differences.deleted if path not in flags.skipped]
    work_tree.remove_paths(repository, gone)
    entries = work_tree.list_entries(repository) if differences.modified else {}
    same_mode = [path for path in differences.modified if path not in differences.other_mode]
    untouched = work_tree.find_untouched(repository, same_mode, entries)
    changed = [path for path in differences.modified if path not in untouched]
    files = [*changed, *differences.untracked, *nested]
    return work_tree.stage_paths(repository, files, keep_objects=False)


def _take_index(repository: JobRepository) -> tuple[bytes, tuple[int, int]]:
    """Return an index and its times; a program of setup may still write there."""
    with (
        repository.open_scratch("index", os.O_RDONLY) as file,
        os.fdopen(file, "rb", closefd=False) as stream,
    ):
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise JobFailed(ErrorClass.SETUP, "setup replaced the runner's own files")
        return stream.read(_MOST_INDEX_BYTES), (facts.st_atime_ns, facts.st_mtime_ns)
