"""Who may do what: keys, the roles and scopes that they carry, and the caller that they make."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.errors import DomainError, Invalid

KEY_PREFIX = "optio_pat_"
SESSION_PREFIX = "optio_ses_"
SESSION_LIVES = timedelta(hours=12)
USE_NOTED_EVERY = timedelta(minutes=5)
"""How often at most the last use of a key is written."""


class Scope(StrEnum):
    """What a call needs; each is given by itself, none holds another."""

    READ = "read"
    RUN = "run"
    WRITE = "write"
    ADMIN = "admin"
    RUNNER = "runner"


class Role(StrEnum):
    """What somebody is; a role is a set of scopes."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


ALLOWED: dict[Role, tuple[Scope, ...]] = {
    Role.VIEWER: (Scope.READ,),
    Role.MEMBER: (Scope.READ, Scope.RUN, Scope.WRITE),
    Role.ADMIN: (Scope.READ, Scope.RUN, Scope.WRITE, Scope.ADMIN),
}
"""A role's scopes. No role is a runner's: jobs carry secrets in clear, so that is asked for."""


class Unauthorized(DomainError):
    """No credential, or none that we know."""


class Forbidden(DomainError):
    """A known credential that may not do this."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key, or a session made with one. Its token is kept by its hash only."""

    id: str
    digest: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    updated_at: datetime
    role: Role | None = None
    created_by: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    parent: str | None = None
    """The key that a session was opened with; it ends with it."""

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls."""

    id: str
    name: str
    scopes: frozenset[Scope]
    session: bool = False

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes


def digest_of(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def key_id(digest: str) -> str:
    """Return the id of a key, under which it is found: a UUID made of its digest's first half."""
    return str(uuid.UUID(digest[:32]))


def principal(key: Key) -> Principal:
    """Return the caller that a key makes."""
    return Principal(
        id=key.parent or key.id,
        name=key.name,
        scopes=frozenset(key.scopes),
        session=key.parent is not None,
    )


def granted(role: Role | None, scopes: Collection[Scope] | None) -> tuple[Scope, ...]:
    """Return the scopes of a new key: those of its role, or those named, which the role allows."""
    if scopes is None:
        return ALLOWED[role or Role.MEMBER]
    if role is not None:
        beyond = [scope for scope in scopes if scope not in ALLOWED[role]]
        if beyond:
            raise Invalid(f"the role {role} does not hold {_listed(beyond)}", "scopes")
    return tuple(scope for scope in Scope if scope in scopes)


def checked_end(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return when a new key ends; raise `Invalid` where that is over already."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("a key cannot have expired already", "expiresAt")
    return expires_at


def _listed(scopes: Iterable[Scope]) -> str:
    return ", ".join(scope.value for scope in scopes)
