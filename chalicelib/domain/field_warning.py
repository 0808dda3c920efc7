"""Warnings about likely mistakes: input that is accepted, but may not work as intended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FieldWarning:
    """A likely mistake in accepted input: its field, and the better value."""

    field: str
    message: str

    def below_prefix(self, prefix: str) -> FieldWarning:
        """Return the same warning with its field name below `prefix`."""
        return replace(self, field=f"{prefix}.{self.field}" if self.field else prefix)


def prefix_warnings(prefix: str, warnings: Iterable[FieldWarning]) -> Iterator[FieldWarning]:
    """Yield the warnings with their field names below `prefix`."""
    return (warning.below_prefix(prefix) for warning in warnings)
