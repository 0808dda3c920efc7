"""Copying commits out of a job's repository into one that no program of the job has seen.

Only a pack of objects crosses over, and git checks each object by its hash. Configuration, git
hooks of git, references and alternates of the job's repository stay behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.trees import ABSENT_ENTRY, GITLINK_MODE, TreeEntry

HEAD_REF = "refs/heads/work"
KEPT_REFS = "refs/heads/kept"
_PACK = (
    *("pack-objects", "--revs", "--shallow", "--stdout", "-q", "--delta-base-offset"),
    "--missing=allow-any",
)
"""A partial clone has not every object of the base; what is new is looked for afterwards."""


@dataclass(frozen=True)
class SealedRepository:
    """A repository of the runner's own, and the commits in it that the forge has."""

    repository: Path
    forge_commits: tuple[str, ...]
    ends: tuple[str, ...]
    """The commits whose parents are not in the repository."""


def name_tips(head: str, others: Iterable[str]) -> dict[str, str]:
    """Return the references of a snapshot's repository."""
    kept_refs = {f"{KEPT_REFS}/{number}": sha for number, sha in enumerate(others, 1)}
    return {HEAD_REF: head, **kept_refs}


def seal_commits(
    repository: JobRepository, tips: Mapping[str, str], base: str, excluded: Iterable[str]
) -> SealedRepository:
    """Return a bare repository with `base` and the commits of `tips` that are not excluded."""
    forge_commits, cut = _list_ends(repository, tips.values(), {base, *excluded})
    forge_commits |= {base}
    ends = forge_commits | cut
    pack_input = [f"--shallow {sha}" for sha in sorted(ends)]
    pack_input += dict.fromkeys([*tips.values(), base])
    sealed = create_repository(repository.git, len(base))
    pack = sealed / "incoming.pack"
    with pack.open("wb") as file:
        output = repository.run_git(
            *_PACK, stdin="".join(f"{each}\n" for each in pack_input).encode(), into=file
        )
    if output.code != 0:
        raise JobFailed(
            ErrorClass.PUSH, f"the agent's commits cannot be read: {output.failure_reason}"
        )
    _take_pack(repository.git, sealed, pack, ends)
    _write_refs(repository.git, sealed, tips)
    return SealedRepository(sealed, tuple(sorted(forge_commits)), tuple(sorted(ends)))


def copy_sealed(git: Git, sealed: Path, tips: Mapping[str, str], ends: Iterable[str]) -> Path:
    """Return a copy of `tips`, also where a later program of the job could write to the first.

    Git checks each object by its hash, and only the given commits decide what is copied.
    """
    (sealed / "shallow").unlink(missing_ok=True)
    (sealed / "shallow").write_text("".join(f"{sha}\n" for sha in ends))
    copy = create_repository(git, len(next(iter(tips.values()))))
    pack = copy / "incoming.pack"
    (copy / "wanted").write_text("".join(f"{sha}\n" for sha in tips.values()))
    with pack.open("wb") as file:
        argv = ("git", *_PACK)
        output = git.read_bytes(*argv, cwd=sealed, stdin=copy / "wanted", into=file)
    if output.code != 0:
        raise JobFailed(
            ErrorClass.PUSH, f"the run's commits cannot be read: {output.failure_reason}"
        )
    _take_pack(git, copy, pack, ends)
    _write_refs(git, copy, tips)
    return copy


def create_repository(git: Git, hash_length: int) -> Path:
    """Return a new bare repository of the runner's own."""
    directory = git.private() / "snapshot.git"
    kind = "sha256" if hash_length == 64 else "sha1"
    arguments = ("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
    result = git.as_runner().run_local(*arguments, str(directory), cwd=directory.parent)
    if result.code != 0:
        raise JobFailed(ErrorClass.PUSH, f"git init failed: {result.failure_reason}")
    return directory


def find_missing(git: Git, sealed: Path, entries: Iterable[tuple[str, TreeEntry]]) -> str | None:
    """Return a path whose new content is not in the repository."""
    new_blobs = [(p, e.sha) for p, e in entries if e != ABSENT_ENTRY and e.mode != GITLINK_MODE]
    (sealed / "wanted").write_text("".join(f"{sha}\n" for _, sha in new_blobs))
    output = git.as_runner().read_bytes(
        *("git", "cat-file", "--batch-check=%(objectname)"), cwd=sealed, stdin=sealed / "wanted"
    )
    lines = output.data.decode().splitlines()
    pairs = zip(new_blobs, lines, strict=False)
    return next((path for (path, _), line in pairs if line.endswith(" missing")), None)


def _list_ends(
    repository: JobRepository, tips: Iterable[str], excluded: Iterable[str]
) -> tuple[set[str], set[str]]:
    """Return the commits behind which nothing older is taken along.

    Those that were excluded, and those where the job's own history is cut off.
    """
    revisions = [*tips, *(f"^{sha}" for sha in excluded)]
    stdin = "".join(f"{each}\n" for each in revisions).encode()
    listing = repository.read_text("rev-list", "--boundary", "--stdin", stdin=stdin).split()
    new = {sha for sha in listing if not sha.startswith("-")}
    shallow = repository.run_script("cat .git/shallow").data.decode(errors="replace").split()
    return {sha[1:] for sha in listing if sha.startswith("-")}, new & set(shallow)


def _take_pack(git: Git, sealed: Path, pack: Path, shallow: Iterable[str]) -> None:
    output = git.as_runner().read_bytes(*("git", "index-pack", "--stdin"), cwd=sealed, stdin=pack)
    if output.code != 0:
        raise JobFailed(
            ErrorClass.PUSH, f"the agent's commits cannot be read: {output.failure_reason}"
        )
    pack.unlink()
    (sealed / "shallow").write_text("".join(f"{sha}\n" for sha in sorted(shallow)))


def _write_refs(git: Git, sealed: Path, tips: Mapping[str, str]) -> None:
    orders = sealed / "orders"
    orders.write_text("".join(f"create {name} {sha}\n" for name, sha in tips.items()))
    output = git.as_runner().read_bytes("git", "update-ref", "--stdin", cwd=sealed, stdin=orders)
    if output.code != 0:
        raise JobFailed(ErrorClass.PUSH, f"git update-ref failed: {output.failure_reason}")
