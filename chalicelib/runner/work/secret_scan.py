"""The search for secrets in commits that are about to be pushed.

Looked through is what is new: added lines, paths, and whole commit objects with their messages and
people. A value that the base already has is public to the forge, and a short one is in any text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.output.secret_index import SecretIndex
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.lfs import object_path
from chalicelib.runner.work.refusal import Refusal
from chalicelib.runner.work.snapshot import Snapshot

SHORTEST_CHARACTERS = 8
"""The class of a refusal whose commits hold a secret: they are kept nowhere either."""

_WORDS = re.compile(rb"[\t\n\r -~]{%d,}" % SHORTEST_CHARACTERS)
_CHUNK_BYTES, _OVERLAP_BYTES = 16 * 1024 * 1024, 64 * 1024
_RANDOM = re.compile(r"(?=[A-Za-z+]*[0-9])[A-Za-z0-9+]{16,}")
_COMMIT_LINE = re.compile(rb"[0-9a-f]{40,64}(?=\n|$)")
_PIECE = re.compile(rb"^(?=diff --|[0-9a-f]{40,64}$)", re.MULTILINE)
_DIFF = (
    *("diff-tree", "--stdin", "--root", "-c", "-r", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--no-color"),
)
_PATCH = ("-p", "--text", "--unified=0", "--full-index", "--src-prefix=a/", "--dst-prefix=b/")
_BINARY = re.compile(rb"^index [0-9a-f,]+\.\.([0-9a-f]+)\nBinary files differ$", re.MULTILINE)
"""Git shows no lines of a binary file that a merge brought, whatever it is asked for."""


@dataclass(frozen=True)
class SecretHit:
    """A secret by its name, and where it would be pushed."""

    name: str
    location: str


class SecretScanner:
    """The secrets of a job that are looked for, each under its name."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        unique = dict.fromkeys((name, value.strip()) for name, value in secrets)
        long = [each for each in unique if len(each[1]) >= SHORTEST_CHARACTERS]
        self.too_short = tuple(
            dict.fromkeys(name for name, value in unique if len(value) < SHORTEST_CHARACTERS)
        )
        self._secrets = long
        self._ordinary = frozenset(name for name, value in long if not _has_telling_lines(value))
        self._index = SecretIndex(long)

    def find_secret(self, content: bytes) -> str | None:
        """Return the name of a secret in `content`."""
        for name, value in self._secrets:
            if value.encode("utf-8", "replace") in content:
                return name
        for text in _readable_parts(content):
            for span in self._index.find_spans(text, strict=True):
                part = text[span.start : span.end]
                if len(part) < SHORTEST_CHARACTERS:
                    continue
                if span.name in self._ordinary or _RANDOM.search(part):
                    return span.name
        return None

    def values_of(self, name: str) -> list[str]:
        return [value for each, value in self._secrets if each == name]

    def without_secret(self, name: str) -> SecretScanner:
        """Return a scanner that does not look for one of the secrets."""
        return SecretScanner(each for each in self._secrets if each[0] != name)


def _readable_parts(content: bytes) -> Iterator[str]:
    """Yield text as it is; of other bytes the words in them, also those of UTF-16."""
    if b"\0" not in content:
        yield content.decode("utf-8", "replace")
        return
    for data in (content, content.replace(b"\0", b"")):
        yield b"\n".join(_WORDS.findall(data)).decode()


def _has_telling_lines(value: str) -> bool:
    """Return whether a secret has many lines, of which some are like no others.

    The names of settings are in every file of settings, so a line without anything random
    reveals nothing of such a secret.
    """
    lines = value.splitlines()
    return len(lines) > 1 and any(_RANDOM.search(line) for line in lines)


def scan_snapshot(git: Git, snapshot: Snapshot, scanner: SecretScanner, branch: str) -> Snapshot:
    """Return the snapshot, refused where a secret would be pushed with it."""
    content = _read_content(git.as_runner(), snapshot)
    notices = list(snapshot.notices)
    if scanner.too_short:
        names = ", ".join(scanner.too_short)
        notices.append(
            f"not looked for in commits, shorter than {SHORTEST_CHARACTERS} characters: {names}"
        )
    while hit := _find_hit(content, scanner, branch) or _find_in_objects(snapshot, scanner):
        values = scanner.values_of(hit.name)
        if not any(_is_in_base(git.as_runner(), snapshot, value) for value in values):
            reason = f"the secret {hit.name} is in {hit.location}: nothing is pushed"
            reasons = [*([snapshot.refused.reason] if snapshot.refused else []), reason]
            refused = Refusal("; ".join(reasons), ErrorClass.SECRET)
            return replace(snapshot, refused=refused, notices=tuple(notices))
        notices.append(f"not looked for in commits, since the base has it: {hit.name}")
        scanner = scanner.without_secret(hit.name)
    return replace(snapshot, notices=tuple(notices))


@dataclass(frozen=True)
class _Content:
    """All that is new in a snapshot, in git's own formats and one commit after another."""

    objects: bytes
    names: bytes
    patches: bytes
    binaries: bytes
    """Whole files whose lines git does not show."""


def _read_content(git: Git, snapshot: Snapshot) -> _Content:
    repository = snapshot.repository
    arguments = (
        "rev-list",
        "--topo-order",
        "--reverse",
        "--branches",
        "--not",
        *snapshot.forge_commits,
    )
    commits = repository / "new-commits"
    commits.write_bytes(_read_bytes(git, repository, *arguments))
    patches = _read_bytes(git, repository, *_DIFF, *_PATCH, stdin=commits)
    binaries = repository / "binaries"
    binaries.write_bytes(b"".join(sha + b"\n" for sha in dict.fromkeys(_BINARY.findall(patches))))
    return _Content(
        objects=_read_bytes(git, repository, "cat-file", "--batch", stdin=commits),
        names=_read_bytes(git, repository, *_DIFF, "--name-only", "-z", stdin=commits),
        patches=patches,
        binaries=_read_bytes(git, repository, "cat-file", "--batch", stdin=binaries),
    )


def _find_hit(content: _Content, scanner: SecretScanner, branch: str) -> SecretHit | None:
    if name := scanner.find_secret(branch.encode()):
        return SecretHit(name, "the name of the branch")
    if scanner.find_secret(content.objects):
        for commit in re.split(rb"^(?=[0-9a-f]{40,64} commit \d+$)", content.objects, flags=re.M):
            if name := scanner.find_secret(commit):
                sha = commit[:12].decode()
                return SecretHit(name, f"the author, committer or message of the commit {sha}")
    if scanner.find_secret(content.names):
        return _find_in_names(content.names, scanner)
    if scanner.find_secret(content.patches) and (hit := _find_in_patches(content.patches, scanner)):
        return hit
    if name := scanner.find_secret(content.binaries):
        return SecretHit(name, "a binary file that a merge brought")
    return None


def _find_in_names(names: bytes, scanner: SecretScanner) -> SecretHit | None:
    commit = ""
    for path in names.split(b"\0"):
        if _COMMIT_LINE.fullmatch(path):
            commit = path[:12].decode()
        elif name := scanner.find_secret(path):
            return SecretHit(name, f"the name of a file in the commit {commit}")
    return None


def _find_in_patches(patches: bytes, scanner: SecretScanner) -> SecretHit | None:
    """Return the file whose added lines hold a secret; content begins with a sign or a blank."""
    commit = ""
    for piece in _PIECE.split(patches):
        if match := _COMMIT_LINE.match(piece):
            commit = match.group()[:12].decode()
        head, _, body = piece.partition(b"\n@@")
        columns = len(body) - len(body.lstrip(b"@")) + 1
        lines = (line for line in body.split(b"\n")[1:] if not line.startswith(b"@@"))
        added = [line[columns:] for line in lines if b"+" in line[:columns]]
        if name := scanner.find_secret(b"\n".join(added)):
            path = head.rpartition(b"\n+++ b/")[2].decode(errors="replace").strip()
            return SecretHit(name, f"{path}, in the commit {commit}")
    return None


def _find_in_objects(snapshot: Snapshot, scanner: SecretScanner) -> SecretHit | None:
    """Return the object of Git LFS that holds a secret: it would be uploaded beside the commits."""
    for oid in snapshot.lfs_objects:
        before = b""
        with object_path(snapshot.repository, oid).open("rb") as stream:
            while data := stream.read(_CHUNK_BYTES):
                if name := scanner.find_secret(before + data):
                    return SecretHit(name, f"the file in Git LFS with the object {oid[:12]}")
                before = data[-_OVERLAP_BYTES:]
    return None


def _is_in_base(git: Git, snapshot: Snapshot, value: str) -> bool:
    """Return whether the base's files hold a value, with every line that reveals a part of it.

    A file of settings has lines that its public example has as well. The value never is an
    argument of a process.
    """
    lines = [line.strip() for line in value.splitlines()]
    telling = [line for line in lines if _RANDOM.search(line)] or [max(lines, key=len)]
    pattern_file = snapshot.repository / "wanted"
    pattern_file.write_text("".join(f"{line}\n" for line in telling), encoding="utf-8")
    arguments = ("grep", "-a", "-h", "-F", "-f", str(pattern_file), snapshot.base, "--")
    output = git.read_bytes("git", *arguments, cwd=snapshot.repository)
    pattern_file.unlink()
    return all(line.encode("utf-8", "replace") in output.data for line in telling)


def _read_bytes(
    git: Git, repository: Path, *arguments: str, stdin: Path = Path(os.devnull)
) -> bytes:
    argv = ("git", "-c", "core.quotePath=false", *arguments)
    output = git.read_bytes(*argv, cwd=repository, stdin=stdin)
    if output.code != 0:
        raise JobFailed(
            ErrorClass.PUSH, f"the run's commits cannot be looked through: {output.failure_reason}"
        )
    return output.data
