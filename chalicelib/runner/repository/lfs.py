"""Objects of Git LFS: taken out of a job's repository by their hash, and uploaded before a push.

A forge refuses a pointer whose object it does not have, or accepts it and the file is unreadable.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.repository import filters
from chalicelib.runner.repository.forge_errors import error_class_of
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import JobRepository
from chalicelib.runner.repository.trees import TreeEntry
from chalicelib.runner.sandbox.workspace import search_path

_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_BATCH = 100


def copy_objects(
    repository: JobRepository, entries: Iterable[tuple[str, TreeEntry]], sealed: Path
) -> tuple[str, ...]:
    """Copy the objects of new pointers that the job has, and return their ids.

    A pointer without its object was not made here: a merge brought it, and the forge has it.
    """
    files = [(path, entry) for path, entry in entries if entry.mode in ("100644", "100755")]
    attributes = filters.read_attribute(repository, sorted({path for path, _ in files}))
    copied: dict[str, None] = {}
    for name, entry in files:
        if attributes.get(name) == "lfs" and filters.is_pointer(repository, entry):
            match = _OID.search(repository.read_bytes("cat-file", "blob", entry.sha))
            if match and _copy_object(repository, match[1].decode(), sealed):
                copied[match[1].decode()] = None
    return tuple(copied)


def upload_objects(git: Git, url: str, source: Path, copied: Path, oids: tuple[str, ...]) -> None:
    """Upload objects to the forge's own LFS server; what it has is not sent a second time."""
    if not oids:
        return
    if shutil.which("git-lfs", path=search_path()) is None:
        raise JobFailed(
            ErrorClass.MISSING_TOOL,
            "new files in Git LFS cannot be uploaded: git-lfs is not installed on this runner",
        )
    if copied != source:
        shutil.copytree(copied / "lfs", source / "lfs", symlinks=True)
        _verify_objects(source, oids)
    for start in range(0, len(oids), _BATCH):
        batch = oids[start : start + _BATCH]
        result = git.run_with_token("lfs", "push", "--object-id", "--", url, *batch, cwd=source)
        if result.code != 0:
            kind = error_class_of(result, ErrorClass.PUSH)
            raise JobFailed(
                kind, f"files in Git LFS could not be uploaded: {result.failure_reason}"
            )
    git.log.add_line("system", f"uploaded {len(oids)} objects of Git LFS")


def _copy_object(repository: JobRepository, oid: str, sealed: Path) -> bool:
    target = object_path(sealed, oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = object_path(repository.git_directory, oid)
    with target.open("wb") as file:
        output = repository.git.read_bytes(
            "cat", "--", str(source), cwd=repository.workspace, into=file
        )
    if output.code == 0 and _hash_file(target) == oid:
        return True
    target.unlink()
    return False


def _verify_objects(source: Path, oids: tuple[str, ...]) -> None:
    for oid in oids:
        if object_path(source, oid).is_symlink() or _hash_file(object_path(source, oid)) != oid:
            raise JobFailed(
                ErrorClass.AGENT, "a file of Git LFS was changed after the agent had ended"
            )


def object_path(repository: Path, oid: str) -> Path:
    """Return where a repository keeps an object of Git LFS."""
    return repository / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def _hash_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
