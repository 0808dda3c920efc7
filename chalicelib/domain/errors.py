"""Everything a caller can get wrong, as types.

* DomainError
  - Invalid            the request makes no sense as written
  - NotFound           it names something that is not there
  - Unsigned           a delivery that nobody vouches for
  - NotJson            the body is of another type
  - TooLarge           the body is too long
  - TooMany            it has to come again later
  - NotAllowed         the resource does not know this operation
  - Conflict           it makes sense, but not now
    - IllegalMove      a run cannot go from its state to that one
    - Superseded       somebody else changed the thing first

An error knows what happened, never which HTTP status that is: `web.http` decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta


class DomainError(Exception):
    """The base of every error a caller may act on."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request: the field, and what would be right."""

    field: str
    message: str


class Invalid(DomainError):
    """The request makes no sense as written."""

    def __init__(self, message: str, field: str = "", faults: Iterable[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.faults = tuple(faults) or ((Fault(field, message),) if field else ())

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Invalid:
        """Return the error that tells all of these faults, of which there is one at least."""
        told = tuple(faults)
        return cls(f"{told[0].field}: {told[0].message}", faults=told)

    def within(self, prefix: str) -> Invalid:
        """Return the same error with its fields named below `prefix`."""
        faults = [Fault(f"{prefix}.{fault.field}", fault.message) for fault in self.faults]
        return Invalid(self.message, f"{prefix}.{self.field}" if self.field else prefix, faults)


class NotFound(DomainError):
    """There is no such thing."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"there is no {kind} {key!r}")
        self.kind = kind
        self.key = key


class Unsigned(DomainError):
    """A delivery without a valid signature."""


class NotJson(DomainError):
    """The body is of another type."""


class TooLarge(DomainError):
    """The body is over 1 MiB, as it came or unpacked."""


class TooMany(DomainError):
    """The request cannot be served now; the same one may be sent again after a wait."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"too many requests, try again in {self.seconds} s")

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, one at least."""
        return max(1, -(-self.wait // timedelta(seconds=1)))


class NotAllowed(DomainError):
    """The resource exists, but does not know this operation."""


class Conflict(DomainError):
    """The request makes sense, but not in the present state."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.faults = (Fault(field, message),) if field else ()


class IllegalMove(Conflict):
    """A run cannot go from its present state to the wanted one; `why` says it to who asked."""

    def __init__(self, source: str, target: str, why: str = "") -> None:
        super().__init__(why or f"a task cannot go from {source} to {target}")
        self.source = source
        self.target = target


class Superseded(Conflict):
    """Somebody else changed the thing between our reading and our writing."""
