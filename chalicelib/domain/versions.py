"""Versions of stored objects, by which a write notices a concurrent one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar


class Versioned(Protocol):
    """A stored object; each write is a new version."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def version(self) -> int: ...


T = TypeVar("T", bound=Versioned)


def as_next_version(new: T, was: Versioned) -> T:
    """Return `new` as the version that follows `was`, as each write of a store requires it."""
    return replace(new, version=was.version + 1)


def require_next_version(new: Versioned, was: Versioned) -> None:
    """Raise `ValueError` unless the version of `new` follows that of `was`.

    Otherwise two writers that read the same version could both succeed.
    """
    if new.version != was.version + 1:
        raise ValueError(f"version {new.version} does not follow version {was.version}")
