"""Work that cannot be pushed: packed into a bundle and a patch, and restored by a later attempt.

Both are made of a scanned snapshot. A bundle is not redacted, since that would corrupt it: it is
made only where the scan found no secret and no filter was lost. The patch is redacted like a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.kept_work import BUNDLE, MAX_KEPT_BYTES, PATCH
from chalicelib.domain.runs.output import RunOutput
from chalicelib.runner.api import fetch_file
from chalicelib.runner.errors import ApiError, JobFailed
from chalicelib.runner.job_spec import EarlierWork, RepoSpec
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository.checkout import Checkout
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.setup_state import SetupState
from chalicelib.runner.work import outputs
from chalicelib.runner.work.sealing import HEAD_REF, KEPT_REFS, copy_sealed, name_tips
from chalicelib.runner.work.snapshot import Snapshot

BUNDLE_TYPE, PATCH_TYPE = "application/x-git-bundle", "text/x-diff"
RESTORED_REF = "refs/optio/restored"
_MOST_PARTS = 50
"""A patch is for people, and has a part for each other commit; a bundle has all."""
_DIFF = ("diff", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color")
_CHECK = """
git bundle verify -q "$1" && {
  while IFS= read -r line && [ -n "$line" ]; do :; done
  git index-pack --strict --fix-thin --stdin
} < "$1"
"""
"""Not every git checks the objects of a bundle that it fetches from; `index-pack` does."""


@dataclass(frozen=True)
class PackedWork:
    """The files of work that cannot be pushed, and the commit that they begin with."""

    base_sha: str
    files: Mapping[RunOutput, bytes] = field(repr=False)
    notices: tuple[str, ...] = ()
    finished: bool = False
    """Whether its agent had done all of its work, so that only the push is missing."""


def pack_work(
    git: Git, snapshot: Snapshot, redactors: Iterable[Redactor], *, finished: bool
) -> PackedWork:
    """Return the snapshot as files, without what may not be kept or is too big."""
    git = git.as_runner()
    if git.job_user is None:  # a later program of the job, its tests, had the runner's own rights
        tips = name_tips(snapshot.head, snapshot.others.values())
        copy = copy_sealed(git, snapshot.repository, tips, snapshot.ends)
        snapshot = replace(snapshot, repository=copy)
    files: dict[RunOutput, bytes] = {}
    notices = []
    has_secret = snapshot.refused is not None and snapshot.refused.error_class == ErrorClass.SECRET
    if has_secret:
        notices.append(f"{BUNDLE} is not kept: a secret is in the work")
    elif snapshot.in_clear:
        hidden = ", ".join(sorted(snapshot.in_clear)[:5])
        notices.append(f"{BUNDLE} is not kept, and {PATCH} leaves out {hidden}: a filter hides it")
    else:
        try:
            _add_file(files, notices, BUNDLE, BUNDLE_TYPE, _make_bundle(git, snapshot))
        except (JobFailed, OSError) as error:  # the patch may be the one thing that has room
            notices.append(f"{BUNDLE} is not kept: {error}")
    try:
        patch = _make_patch(git, snapshot)
        for redactor in redactors:
            patch = outputs.clean_content(patch, redactor)
    except outputs.FileLeftOut as left:
        notices.append(f"{PATCH} is not kept: {left}")
    else:
        _add_file(files, notices, PATCH, PATCH_TYPE, patch)
    can_push = finished and snapshot.refused is None
    return PackedWork(snapshot.base, files, tuple(notices), can_push)


def _add_file(
    files: dict[RunOutput, bytes], notices: list[str], name: str, kind: str, content: bytes
) -> None:
    size = sum(output.size for output in files) + len(content)
    if size > MAX_KEPT_BYTES:
        limit = f"{MAX_KEPT_BYTES >> 20} MiB"
        notices.append(f"{name} is not kept: with it the work takes more than {limit}")
    elif content:
        files[RunOutput(name=name, size=len(content), content_type=kind)] = content


def _make_bundle(git: Git, snapshot: Snapshot) -> bytes:
    """Return the snapshot's commits, above those that the forge has."""
    target = git.private() / BUNDLE
    revisions = [
        HEAD_REF,
        *_kept_refs(git, snapshot),
        *(f"^{sha}" for sha in snapshot.forge_commits),
    ]
    result = git.run_local(
        "bundle", "create", "-q", str(target), *revisions, cwd=snapshot.repository
    )
    if result.code != 0:
        raise JobFailed(ErrorClass.PUSH, f"git bundle failed: {result.failure_reason}")
    return target.read_bytes()


def _kept_refs(git: Git, snapshot: Snapshot) -> list[str]:
    listing = git.run_checked(
        "for-each-ref", "--format=%(refname)", KEPT_REFS, cwd=snapshot.repository
    )
    return listing.split()


def _make_patch(git: Git, snapshot: Snapshot) -> bytes:
    """Return what the work changes, with one part for each other commit that the agent left."""
    others = {} if snapshot.in_clear else dict(islice(snapshot.others.items(), _MOST_PARTS))
    tips = {"": snapshot.head, **others}
    left_out = [f":(exclude,top,literal){path}" for path in sorted(snapshot.in_clear)]
    paths = ("--", ":/", *left_out) if left_out else ()
    parts = []
    for name, tip in tips.items():
        output = git.read_bytes("git", *_DIFF, snapshot.base, tip, *paths, cwd=snapshot.repository)
        if output.code != 0:
            raise JobFailed(ErrorClass.PUSH, f"git diff failed: {output.failure_reason}")
        if output.data:
            parts.append(f"{name}\n".encode() * bool(name) + output.data)
    return b"\n".join(parts)


def fetch_bundle(git: Git, work: EarlierWork) -> Path:
    """Return the bundle of an earlier attempt, in a file that the job's user may read."""
    try:
        content = fetch_file(work.url, MAX_KEPT_BYTES)
    except ApiError as error:
        raise JobFailed(
            ErrorClass.NETWORK, f"{_describe_work(work)} cannot be read: {error}"
        ) from error
    directory = git.private()
    target = directory / BUNDLE
    target.write_bytes(content)
    if git.job_user:
        git.job_user.give_ownership(directory)
    return directory.rename(git.locate_shared(directory)) / BUNDLE


def begin_at_base(
    git: Git, repo: RepoSpec, workspace: Path, start: Checkout, work: EarlierWork, bundle: Path
) -> Checkout:
    """Return the checkout at the commit that the kept work began with.

    A forge may have taken the push whose answer was lost: then the branch's tip is the start.
    """
    if start.base_sha == work.base_sha:
        return start
    user = git.as_user()
    if start.continues and _is_pushed(user, workspace, start.base_sha, bundle):
        git.log.add_line(
            "system", f"{_describe_work(work)} is on the branch {repo.push_branch} already"
        )
        stat = ("diff-tree", "--shortstat", work.base_sha, start.base_sha)
        return replace(start, pushed_stat=user.run_local(*stat, cwd=workspace).out.strip())
    if start.continues:
        raise JobFailed(
            ErrorClass.CLONE,
            f"{_describe_work(work)} does not fit: the branch {repo.push_branch} has other "
            f"commits by now."
            f" Apply its {PATCH} by hand",
        )
    result = git.run_with_token(
        *("fetch", "--no-tags", "--depth=1", "--", repo.url, work.base_sha), cwd=workspace
    )
    if result.code != 0:
        raise JobFailed(
            ErrorClass.CLONE,
            f"the base of {_describe_work(work)} cannot be fetched: {result.failure_reason}",
        )
    git.log.add_line(
        "system", f"starting at {work.base_sha[:12]}, where {_describe_work(work)} began"
    )
    if git.job_user:
        git.job_user.give_ownership(workspace)
    reset = user.run_local("reset", "--quiet", "--hard", work.base_sha, cwd=workspace)
    if reset.code != 0:
        raise JobFailed(ErrorClass.CLONE, f"the files cannot be written: {reset.failure_reason}")
    committed_at = user.run_checked("log", "-1", "--format=%ct", work.base_sha, cwd=workspace)
    earlier = min(start.base.committed_at, int(committed_at))
    return replace(start, base_sha=work.base_sha, base=replace(start.base, committed_at=earlier))


def _is_pushed(user: Git, workspace: Path, tip: str, bundle: Path) -> bool:
    """Return whether a branch with this tip has every commit that the bundle names."""
    listing = user.run_local("bundle", "list-heads", str(bundle), cwd=workspace)
    heads = [line.partition(" ")[0] for line in listing.out.splitlines()]
    contains = ("merge-base", "--is-ancestor")
    return bool(heads) and all(
        user.run_local(*contains, head, tip, cwd=workspace).code == 0 for head in heads
    )


def restore_work(
    git: Git, workspace: Path, state: SetupState, bundle: Path, work: EarlierWork
) -> None:
    """Bring the kept work into the workspace as if its agent had just made it.

    Git checks each object, and everything runs with the rights of the job's user.
    """
    repository = JobRepository.open_repository(git, workspace, git.environment, state.setup)
    user, config = repository.git, str(repository.scratch / "config")
    try:
        checked = repository.run_script(_CHECK, str(bundle))
        if checked.code != 0:
            raise JobFailed(
                ErrorClass.CLONE,
                f"{_describe_work(work)} cannot be unbundled: {checked.failure_reason}",
            )
        refspecs = (f"{HEAD_REF}:{RESTORED_REF}", f"{KEPT_REFS}/*:refs/heads/kept/*")
        fetched = user.run_local(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(bundle)),
            *refspecs,
            cwd=workspace,
            GIT_CONFIG_GLOBAL=config,
        )
        if fetched.code != 0:
            raise JobFailed(
                ErrorClass.CLONE,
                f"{_describe_work(work)} cannot be unbundled: {fetched.failure_reason}",
            )
        merged = user.run_local(
            *("merge", "--quiet", "--ff-only", RESTORED_REF),
            cwd=workspace,
            GIT_CONFIG_GLOBAL=config,
        )
        if merged.code != 0:
            raise JobFailed(
                ErrorClass.CLONE,
                f"{_describe_work(work)} cannot be checked out: {merged.failure_reason}",
            )
        user.run_local("update-ref", "-d", RESTORED_REF, cwd=workspace)
    finally:
        repository.remove_scratch()
    git.log.add_line("system", f"{_describe_work(work)} is checked out")


def _describe_work(work: EarlierWork) -> str:
    return f"the kept work of attempt {work.attempt}"
