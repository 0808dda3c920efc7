"""Warnings about likely mistakes: what is accepted and stored, but may not do what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FieldWarning:
    """A likely mistake in something that is accepted: its field, and what to write instead."""

    field: str
    message: str

    def within(self, prefix: str) -> FieldWarning:
        """Return the same warning with its field named below `prefix`."""
        return replace(self, field=f"{prefix}.{self.field}" if self.field else prefix)


def prefix_warnings(prefix: str, warnings: Iterable[FieldWarning]) -> Iterator[FieldWarning]:
    """Yield warnings with their fields named below `prefix`."""
    return (warning.within(prefix) for warning in warnings)
