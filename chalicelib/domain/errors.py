"""Errors that a caller can cause, as types.

* DomainError
  - Invalid              the request is not valid as written
    - ForbiddenTarget    a URL that leads to a private network
  - NotFound             the named object does not exist
  - InvalidSignature     a webhook delivery without a valid signature
  - Unauthorized         no known credential (`access.key`)
  - Forbidden            the credential lacks a permission (`access.key`)
  - NotJson              the body has an unsupported type
  - TooLarge             the body is too large
  - RateLimited          the request must be repeated later
  - Busy                 others hold what the request writes; it must be repeated later
  - MethodNotAllowed     the resource does not support this operation
  - Conflict             the request is valid, but not in the present state
    - IllegalTransition  a run cannot go from its state to that one
    - Superseded         a concurrent writer changed the object first

An error states the fault but no HTTP status: `web.http.errors` maps errors to statuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Fault:
    """One fault of a request: the field, and a message that describes a valid value."""

    field: str
    message: str


class DomainError(Exception):
    """The base of every error that a caller can act on."""

    faults: tuple[Fault, ...] = ()
    """The faults of the request, field by field; empty if the error concerns no field."""


class Invalid(DomainError):
    """The request is not valid as written."""

    def __init__(self, message: str, field: str = "", faults: Iterable[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.faults = tuple(faults) or ((Fault(field, message),) if field else ())

    @classmethod
    def from_faults(cls, faults: Iterable[Fault]) -> Invalid:
        """Return one error that reports all of these faults, at least one."""
        fault_list = tuple(faults)
        return cls(f"{fault_list[0].field}: {fault_list[0].message}", faults=fault_list)

    def below_prefix(self, prefix: str) -> Invalid:
        """Return the same error with its field names below `prefix`."""
        faults = [Fault(f"{prefix}.{fault.field}", fault.message) for fault in self.faults]
        return Invalid(self.message, f"{prefix}.{self.field}" if self.field else prefix, faults)


class NotFound(DomainError):
    """The named object does not exist."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"there is no {kind} {key!r}")
        self.kind = kind
        self.key = key


class InvalidSignature(DomainError):
    """A webhook delivery without a valid signature."""


class NotJson(DomainError):
    """The body has an unsupported type."""


class TooLarge(DomainError):
    """The body is over 1 MiB, as received or decompressed."""


class RateLimited(DomainError):
    """The request cannot be served now; the same request may be repeated after a wait."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"too many requests, try again in {self.wait_seconds} s")

    @property
    def wait_seconds(self) -> int:
        """The wait in whole seconds, at least one."""
        return max(1, -(-self.wait // timedelta(seconds=1)))


class Busy(DomainError):
    """Other transactions held the rows of a write for too long; the request may be repeated."""

    wait_seconds = 2

    def __init__(self) -> None:
        super().__init__(f"other requests write the same data, try again in {self.wait_seconds} s")


class MethodNotAllowed(DomainError):
    """The resource exists, but does not support this operation."""


class Conflict(DomainError):
    """The request is valid, but not in the present state of its object."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.faults = (Fault(field, message),) if field else ()


class IllegalTransition(Conflict):
    """A run cannot go from its state to the requested one; `why` is a message for the caller."""

    def __init__(self, source: str, target: str, why: str = "") -> None:
        super().__init__(why or f"a task cannot go from {source} to {target}")
        self.source = source
        self.target = target


class Superseded(Conflict):
    """A concurrent writer changed the object after it was read."""
