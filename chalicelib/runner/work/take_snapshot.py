"""The one place that decides what of a workspace becomes the run's commits.

A snapshot is made when no process of the job lives. It compares the workspace with the state after
setup, and yields commits in a repository of the runner's own, or a reason not to push them. The
commits are there in either case, so that nothing an agent made is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.output.text import name_some
from chalicelib.runner.repository import filter_programs, lfs, trees
from chalicelib.runner.repository.filters import find_faults, find_normalised
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.setup_state import SetupState, check_repository
from chalicelib.runner.repository.special_files import SpecialFiles, remove_rules
from chalicelib.runner.repository.trees import GITLINK_MODE, TreeEntry, has_ancestor, read_tree_id
from chalicelib.runner.work import sealing
from chalicelib.runner.work.agent_commits import (
    RewriteRules,
    read_commits,
    read_history,
    rewrite_history,
)
from chalicelib.runner.work.agent_tree import AgentTree, ReadingOptions, read_agent_tree
from chalicelib.runner.work.other_refs import Tip
from chalicelib.runner.work.other_work import describe_records, find_other_work, find_unfinished
from chalicelib.runner.work.refusal import UNREAD, Refusal, join_reasons
from chalicelib.runner.work.sealing import name_tips
from chalicelib.runner.work.snapshot import Snapshot, SnapshotRequest

_CLEAN = """
cd .git || exit 1
rm -rf config config.lock config.worktree commondir info/attributes || exit 1
cat > config
"""
_SET_ATTRIBUTES = "mkdir -p .git/info && cat > .git/info/attributes"


@dataclass
class _Draft:
    """A snapshot in the making."""

    repository: JobRepository
    state: SetupState
    request: SnapshotRequest
    special: SpecialFiles
    notices: list[str] = field(default_factory=list)
    reasons: list[Refusal] = field(default_factory=list)


def take_snapshot(
    git: Git, workspace: Path, state: SetupState, request: SnapshotRequest
) -> Snapshot | None:
    """Return the agent's work, or nothing where it left none.

    Raises `JobFailed` where the workspace has no repository that could be read.
    """
    check_repository(workspace, ErrorClass.AGENT)
    job = git.as_job(request.environment)
    setup = filter_programs.distrust_changed(job, workspace, state.setup)
    repository = JobRepository.open_repository(
        git, workspace, request.environment, setup, request.seconds
    )
    try:
        special = remove_rules(repository)
        _restore_configuration(repository)
        return _decide_snapshot(_Draft(repository, state, request, special))
    finally:
        repository.remove_scratch()


def _restore_configuration(repository: JobRepository) -> None:
    """Give the job's repository the configuration and attributes that it had after setup."""
    setup = repository.setup
    output = repository.run_script(_CLEAN, stdin=setup.config)
    if output.code == 0 and setup.attributes:
        output = repository.run_script(_SET_ATTRIBUTES, stdin=setup.attributes)
    if output.code != 0:
        raise JobFailed(
            ErrorClass.AGENT, f"the agent left a repository that is closed: {output.failure_reason}"
        )


def _decide_snapshot(draft: _Draft) -> Snapshot | None:
    repository, state = draft.repository, draft.state
    operation = find_unfinished(repository)
    if operation:
        draft.reasons.append(
            Refusal(
                f"the agent left an unfinished {operation}: nothing is pushed",
                ErrorClass.UNFINISHED,
            )
        )
    head = _find_head(draft)
    options = ReadingOptions(draft.special, draft.request.includes_setup, draft.request.reads_files)
    tree = read_agent_tree(repository, state, head, options)
    draft.notices += tree.notices
    if tree.sha is None:
        draft.reasons.append(Refusal(UNREAD, ErrorClass.PUSH))
    if tree.unmerged and not operation:
        names = ", ".join(sorted(tree.unmerged)[:5])
        draft.reasons.append(
            Refusal(f"the agent left unresolved conflicts in {names}", ErrorClass.UNFINISHED)
        )
    for path in tree.submodule_faults:
        draft.reasons.append(
            Refusal(
                f"the agent worked inside the submodule {path}: a run pushes to its own"
                " repository only, and the submodule's remote does not have that commit"
            )
        )
    return _build_snapshot(draft, head, tree)


def _find_head(draft: _Draft) -> str:
    """Return the checked-out commit; that of setup where the agent's branch has none yet."""
    repository = draft.repository
    output = repository.run_git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if output.code == 0:
        return output.data.decode().strip()
    branch = repository.run_git("symbolic-ref", "--quiet", "--short", "HEAD")
    name = branch.data.decode(errors="replace").strip()
    is_unborn = name and repository.run_git("rev-parse", "--verify", "--quiet", name).code != 0
    if not is_unborn or repository.run_git("cat-file", "-e", draft.state.head_sha).code != 0:
        raise JobFailed(
            ErrorClass.AGENT, f"the agent left no commit checked out: {output.failure_reason}"
        )
    draft.reasons.append(Refusal(f"HEAD names the branch {name}, which has no commit"))
    return draft.state.head_sha


@dataclass(frozen=True)
class _Line:
    """One line of commits, from what the forge has to what would be pushed."""

    base: str
    tip: str
    has_work: bool
    commits: tuple[str, ...]
    new_entries: list[tuple[str, TreeEntry]]
    excluded: frozenset[str]


def _build_snapshot(draft: _Draft, head: str, tree: AgentTree) -> Snapshot | None:
    line = _make_line(draft, head, tree, tree.sha)
    heads = [head, line.tip]
    others = find_other_work(draft.repository, draft.state, heads)
    if len(others) == 1 and others[0].is_branch and not line.has_work and not draft.reasons:
        draft.notices.append(f"the work is on {others[0].name}, which was not checked out")
        line, others = _make_line(draft, others[0].sha, tree, None), []
    draft.notices += describe_records(draft.repository, draft.state, [*heads, line.tip])
    if others:
        names = name_some(work.name for work in others)
        draft.reasons.append(
            Refusal(f"the agent left work that its checked-out commit does not have: {names}")
        )
    if not line.has_work and not draft.reasons:
        return None
    in_clear = find_faults(draft.repository, line.new_entries, tree.staged, draft.state.base_sha)
    faults = [*tree.filter_faults, *in_clear.values()]
    draft.reasons += [
        Refusal(f"not pushed in clear: {fault}", ErrorClass.FILTER) for fault in faults
    ]
    return replace(_seal_snapshot(draft, line, others), in_clear=frozenset(in_clear))


def _make_line(draft: _Draft, head: str, tree: AgentTree, files: str | None) -> _Line:
    """Return the commits of `head`, and one more where the files differ from it."""
    repository, state = draft.repository, draft.state
    excluded = (
        {state.base_sha} if draft.request.includes_setup else {state.base_sha, state.head_sha}
    )
    log = read_history(repository, head, excluded)
    published = draft.request.find_published(frozenset(log.commits)) if log.commits else frozenset()
    base = _find_base(draft, head, [sha for sha in log.commits if sha in published])
    if published:
        log = read_history(repository, head, excluded | published)
    tree.setup_changes |= find_normalised(repository, log.new_entries, state.base_sha, tree.entries)
    rewritten = rewrite_history(repository, head, log, _make_rules(draft, tree))
    draft.notices += rewritten.notices
    tip, commits = rewritten.head, list(rewritten.commits)
    entries = [
        (path, entry)
        for path, entry in log.new_entries
        if entry != tree.setup_changes.get(path, (entry, None))[1]
    ]
    tip_tree = read_tree_id(repository, tip)
    if files is not None and files != tip_tree:
        changes = trees.compare_trees(repository, tip_tree, files)
        entries += [(change.path, change.new) for change in changes]
        tip = _write_commit(draft, files, [tip])
        commits.append(tip)
    base = state.base_sha if draft.request.continues else base
    has_merge = any(len(commit.parents) > 1 for commit in log.commits.values())
    has_work = read_tree_id(repository, tip) != read_tree_id(repository, base)
    has_work = has_work or (draft.request.continues and has_merge)
    if has_work and draft.request.continues and not has_ancestor(repository, state.base_sha, tip):
        draft.notices.append("the agent rewrote its branch: a merge joins it to what was pushed")
        tip = _write_commit(draft, read_tree_id(repository, tip), [state.base_sha, tip])
        commits.append(tip)
    all_excluded = frozenset({state.base_sha, base, *published})
    return _Line(base, tip, has_work, tuple(commits), entries, all_excluded)


def _find_base(draft: _Draft, head: str, published: list[str]) -> str:
    """Return the newest commit of `head` that the forge has."""
    if published:
        return published[-1]
    if has_ancestor(draft.repository, draft.state.base_sha, head):
        return draft.state.base_sha
    output = draft.repository.run_git("merge-base", draft.state.base_sha, head)
    return output.data.decode().strip() or draft.state.base_sha


def _make_rules(draft: _Draft, tree: AgentTree) -> RewriteRules:
    state = draft.state
    is_moved = state.head_sha != state.base_sha and not draft.request.includes_setup
    (base,) = read_commits(draft.repository, [state.base_sha])
    return RewriteRules(
        base=base,
        renamed={state.head_sha: state.base_sha} if is_moved else {},
        setup_changes=tree.setup_changes,
        gitlinks={path: e for path, e in tree.entries.items() if e.mode == GITLINK_MODE},
        title=draft.request.title,
    )


def _write_commit(draft: _Draft, tree: str, parents: list[str]) -> str:
    options = [part for parent in parents for part in ("-p", parent)]
    return draft.repository.read_text("commit-tree", tree, *options, "-m", draft.request.title)


def _seal_snapshot(draft: _Draft, line: _Line, others: list[Tip]) -> Snapshot:
    """Bring the commits into a repository of the runner's own, and describe them."""
    repository = draft.repository
    tips = name_tips(line.tip, [work.sha for work in others])
    sealed = sealing.seal_commits(repository, tips, line.base, line.excluded)
    missing = sealing.find_missing(repository.git, sealed.repository, line.new_entries)
    if missing:
        draft.reasons.append(Refusal(f"the agent's repository lacks the content of {missing}"))
    stat = repository.run_git("diff-tree", "--shortstat", line.base, line.tip)
    return Snapshot(
        base=line.base,
        head=line.tip,
        commits=line.commits,
        diff_stat=stat.data.decode().strip(),
        notices=tuple(dict.fromkeys(draft.notices)),
        refused=join_reasons(draft.reasons),
        repository=sealed.repository,
        forge_commits=sealed.forge_commits,
        ends=sealed.ends,
        lfs_objects=lfs.copy_objects(repository, line.new_entries, sealed.repository),
        others={work.name: work.sha for work in others},
    )
