"""Snapshots of the emulator's state: parts named by their content, and a list of them for each.

A snapshot is its list. It is written last, so a process that dies leaves the older list and all
the parts that it names. A part that did not change is not written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEPT = 2
"""The newest, and the one before it in case that the newest cannot be read."""
UNFINISHED = ".new"


class NoReadableSnapshot(Exception):
    """Snapshots exist, but none of them is whole."""


@dataclass(frozen=True)
class Snapshot:
    """The digests of the parts by name, and the digests of the files that the parts refer to."""

    number: int = 0
    parts: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def digests(self) -> set[str]:
        return {*self.parts.values(), *self.files}


class Snapshots:
    """The snapshots of one folder. Only one process at a time may write them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = folder / "parts"

    def write_part(self, content: bytes, digest: str = "") -> str:
        """Store a part or a file unless it is stored; return its digest."""
        digest = digest or hashlib.sha256(content).hexdigest()
        target = self._parts / digest
        if not target.exists():
            self._parts.mkdir(parents=True, exist_ok=True)
            _write_durably(target, content)
        return digest

    def read_part(self, digest: str) -> bytes:
        """Return a part; raise OSError or ValueError unless it is there and whole."""
        content = (self._parts / digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{digest} is not whole")
        return content

    def publish(self, parts: Mapping[str, str], files: Iterable[str]) -> Snapshot:
        """Make stored parts the newest snapshot, and remove what only older ones name."""
        numbers = self._numbers()
        snapshot = Snapshot(
            numbers[0] + 1 if numbers else 1, dict(parts), tuple(sorted(set(files)))
        )
        listed_parts = {"parts": snapshot.parts, "files": snapshot.files}
        content = json.dumps({**listed_parts, "digest": _digest(listed_parts)}, indent=1)
        _sync_folder(self._parts)
        _write_durably(self._list(snapshot.number), content.encode())
        _sync_folder(self.folder)
        self._prune()
        return snapshot

    def newest_whole(self) -> Snapshot | None:
        """Return the newest snapshot of which everything can be read, or None where none exists.

        Torn newer ones are removed, so that the one that was loaded is never the first to go.
        """
        numbers = self._numbers()
        for position, number in enumerate(numbers):
            try:
                snapshot = self._read(number)
                for digest in snapshot.digests:
                    self.read_part(digest)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                message = f"snapshot {number} is torn and is not loaded: {error!r}"
                print(message, file=sys.stderr, flush=True)
                continue
            for torn in numbers[:position]:
                self._list(torn).unlink()
            return snapshot
        if numbers:
            raise NoReadableSnapshot(f"none of the snapshots in {self.folder} is whole")
        return None

    def newest_listed(self) -> Snapshot | None:
        """Return the newest snapshot as its list describes it, without reading the parts."""
        numbers = self._numbers()
        return self._read(numbers[0]) if numbers else None

    def _read(self, number: int) -> Snapshot:
        listing = json.loads(self._list(number).read_bytes())
        if listing.pop("digest") != _digest(listing):
            raise ValueError("its list is not whole")
        return Snapshot(number, dict(listing["parts"]), tuple(listing["files"]))

    def _list(self, number: int) -> Path:
        return self.folder / f"snapshot-{number:012}.json"

    def _numbers(self) -> list[int]:
        """Return the numbers of all snapshots, the newest first."""
        names = (
            path.stem.removeprefix("snapshot-") for path in self.folder.glob("snapshot-*.json")
        )
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def _prune(self) -> None:
        numbers = self._numbers()
        for number in numbers[KEPT:]:
            self._list(number).unlink()
        needed = {digest for number in numbers[:KEPT] for digest in self._read(number).digests}
        for path in self._parts.iterdir():
            if path.name not in needed:
                path.unlink()


def _digest(listing: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(listing, sort_keys=True).encode()).hexdigest()


def _write_durably(target: Path, content: bytes) -> None:
    unfinished = target.with_name(target.name + UNFINISHED)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)


def _sync_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
