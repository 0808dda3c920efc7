"""The search for secrets in commits that are about to be pushed.

Looked through is what is new: added lines, paths, and whole commit objects with their messages and
people. A value that the base already has is public to the forge, and a short one is in any text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git
from chalicelib.runner.redact import Redactor
from chalicelib.runner.snapshot import Refusal, Snapshot

SHORTEST_CHARACTERS = 8
SECRET = "secret"
"""The class of a refusal whose commits hold a secret: they are kept nowhere either."""

_ARMOUR = re.compile(r"-{3,}\s*(?:BEGIN|END)\b.*-{3,}")
_RANDOM = re.compile(r"(?=[A-Za-z+]*[0-9])[A-Za-z0-9+]{16,}")
_COMMIT_LINE = re.compile(rb"[0-9a-f]{40,64}(?=\n|$)")
_PIECE = re.compile(rb"^(?=diff --)", re.MULTILINE)
_DIFF = (
    *("diff-tree", "--stdin", "--root", "-c", "-r", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--no-color"),
)
_PATCH = ("-p", "--text", "--unified=0", "--src-prefix=a/", "--dst-prefix=b/")


class SecretFinder(Protocol):
    """Tells whether one secret is in some bytes, in any form."""

    def finds(self, content: bytes) -> bool: ...


@dataclass(frozen=True)
class Hit:
    """A secret by its name, and where it would be pushed."""

    name: str
    place: str


@dataclass(frozen=True)
class Scanner:
    """The secrets of a job, each under its name."""

    finders: Mapping[str, SecretFinder]
    everything: SecretFinder
    values: Mapping[str, str] = field(repr=False)
    too_short: tuple[str, ...] = ()

    @classmethod
    def of(cls, secrets: Iterable[tuple[str, str]]) -> Scanner:
        """Return a scanner for named values; those of one name are looked for together."""
        pieces: dict[str, list[str]] = {}
        values: dict[str, str] = {}
        too_short: dict[str, None] = {}
        for name, value in secrets:
            text = value.strip()
            if len(text) < SHORTEST_CHARACTERS:
                too_short[name] = None
                continue
            pieces.setdefault(name, []).extend(_pieces(text))
            values[name] = text
        listed = [piece for each in pieces.values() for piece in each]
        finders = {name: Redactor(each) for name, each in pieces.items()}
        return cls(finders, Redactor(listed), values, tuple(too_short))

    def find(self, content: bytes) -> str | None:
        """Return the name of a secret in `content`."""
        if not self.everything.finds(content):
            return None
        return next((name for name, each in self.finders.items() if each.finds(content)), None)

    def without(self, name: str) -> Scanner:
        """Return a scanner that does not look for one of the secrets."""
        finders = {key: finder for key, finder in self.finders.items() if key != name}
        values = {key: value for key, value in self.values.items() if key != name}
        pieces = [piece for value in values.values() for piece in _pieces(value)]
        return Scanner(finders, Redactor(pieces), values, self.too_short)


def _pieces(value: str) -> list[str]:
    """Return what of a value gives it away: all of it, or its telling lines where it has many.

    The first line of a key is in every key, and the names of settings in every file of settings.
    """
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) < 2:
        return [value]
    telling = [line for line in lines if _RANDOM.search(line)]
    return telling or [
        line for line in lines if len(line) >= SHORTEST_CHARACTERS and not _ARMOUR.fullmatch(line)
    ]


def scan_snapshot(git: Git, snapshot: Snapshot, scanner: Scanner, branch: str) -> Snapshot:
    """Return the snapshot, refused where a secret would be pushed with it."""
    content = _read_content(git.as_runner(), snapshot)
    notices = list(snapshot.notices)
    if scanner.too_short:
        names = ", ".join(scanner.too_short)
        notices.append(
            f"not looked for in commits, shorter than {SHORTEST_CHARACTERS} characters: {names}"
        )
    while hit := _find_hit(content, scanner, branch):
        if not _is_in_base(git.as_runner(), snapshot, scanner.values[hit.name]):
            reason = f"the secret {hit.name} is in {hit.place}: nothing is pushed"
            reasons = [*([snapshot.refused.reason] if snapshot.refused else []), reason]
            refused = Refusal("; ".join(reasons), SECRET)
            return replace(snapshot, refused=refused, notices=tuple(notices))
        notices.append(f"not looked for in commits, since the base has it: {hit.name}")
        scanner = scanner.without(hit.name)
    return replace(snapshot, notices=tuple(notices))


@dataclass(frozen=True)
class _Content:
    """All that is new in a snapshot, in git's own formats and one commit after another."""

    objects: bytes
    names: bytes
    patches: bytes


def _read_content(git: Git, snapshot: Snapshot) -> _Content:
    repository = snapshot.repository
    arguments = ("rev-list", "--topo-order", "--reverse", "--branches", "--not", *snapshot.known)
    commits = repository / "new-commits"
    commits.write_bytes(_read(git, repository, *arguments))
    return _Content(
        objects=_read(git, repository, "cat-file", "--batch", stdin=commits),
        names=_read(git, repository, *_DIFF, "--name-only", "-z", stdin=commits),
        patches=_read(git, repository, *_DIFF, *_PATCH, stdin=commits),
    )


def _find_hit(content: _Content, scanner: Scanner, branch: str) -> Hit | None:
    if name := scanner.find(branch.encode()):
        return Hit(name, "the name of the branch")
    if scanner.find(content.objects):
        for commit in re.split(rb"^(?=[0-9a-f]{40,64} commit \d+$)", content.objects, flags=re.M):
            if name := scanner.find(commit):
                sha = commit[:12].decode()
                return Hit(name, f"the author, committer or message of the commit {sha}")
    if scanner.find(content.names):
        return _find_in_names(content.names, scanner)
    if scanner.find(content.patches):
        return _find_in_patches(content.patches, scanner)
    return None


def _find_in_names(names: bytes, scanner: Scanner) -> Hit | None:
    commit = ""
    for path in names.split(b"\0"):
        if _COMMIT_LINE.fullmatch(path):
            commit = path[:12].decode()
        elif name := scanner.find(path):
            return Hit(name, f"the name of a file in the commit {commit}")
    return None


def _find_in_patches(patches: bytes, scanner: Scanner) -> Hit | None:
    """Return the file whose added lines hold a secret; content begins with a sign or a blank."""
    commit = ""
    for piece in _PIECE.split(patches):
        if match := _COMMIT_LINE.match(piece):
            commit = match.group()[:12].decode()
        head, _, body = piece.partition(b"\n@@")
        columns = len(body) - len(body.lstrip(b"@")) + 1
        lines = (line for line in body.split(b"\n")[1:] if not line.startswith(b"@@"))
        added = [line[columns:] for line in lines if b"+" in line[:columns]]
        if name := scanner.find(b"\n".join(added)):
            path = head.rpartition(b"\n+++ b/")[2].decode(errors="replace").strip()
            return Hit(name, f"{path}, in the commit {commit}")
    return None


def _is_in_base(git: Git, snapshot: Snapshot, value: str) -> bool:
    """Whether the base's files hold a value as it is; it is no argument of any process."""
    wanted = snapshot.repository / "wanted"
    wanted.write_text(f"{max(value.splitlines(), key=len).strip()}\n", encoding="utf-8")
    arguments = ("grep", "-a", "-F", "-q", "-f", str(wanted), snapshot.base, "--")
    found = git.read("git", *arguments, cwd=snapshot.repository).code == 0
    wanted.unlink()
    return found


def _read(git: Git, repository: Path, *arguments: str, stdin: Path = Path(os.devnull)) -> bytes:
    argv = ("git", "-c", "core.quotePath=false", *arguments)
    output = git.read(*argv, cwd=repository, stdin=stdin)
    if output.code != 0:
        raise Failure("push", f"the run's commits cannot be looked through: {output.reason}")
    return output.data
