"""API keys and sessions, their roles and scopes, and the callers that they identify."""

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
SESSION_LIFETIME = timedelta(hours=12)
USE_RECORDING_INTERVAL = timedelta(minutes=5)
"""Minimum time between two writes of a key's last use."""


class Scope(StrEnum):
    """A permission that a call needs. No scope includes another; each is granted by name."""

    READ = "read"
    RUN = "run"
    WRITE = "write"
    ADMIN = "admin"
    RUNNER = "runner"


class Role(StrEnum):
    """A named set of scopes."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


ROLE_SCOPES: dict[Role, tuple[Scope, ...]] = {
    Role.VIEWER: (Scope.READ,),
    Role.MEMBER: (Scope.READ, Scope.RUN, Scope.WRITE),
    Role.ADMIN: (Scope.READ, Scope.RUN, Scope.WRITE, Scope.ADMIN),
}
"""The scopes of each role. No role includes `runner`: jobs contain secrets in clear text, so that
scope is granted by name only.
"""


class Unauthorized(DomainError):
    """The request carries no credential, or one that is not known."""


class Forbidden(DomainError):
    """A known credential without the permission that the request needs."""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key, or a session opened with one. Only the hash of its token is stored."""

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
    """The id of the key that opened this session; the session ends with that key."""

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The authenticated caller of a request."""

    id: str
    name: str
    scopes: frozenset[Scope]
    session: bool = False

    def has_scope(self, scope: Scope) -> bool:
        return scope in self.scopes


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token in hex, which is stored instead of the token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def key_id(digest: str) -> str:
    """Return the id that a key is stored under: a UUID made of the first half of its digest."""
    return str(uuid.UUID(digest[:32]))


def principal_of_key(key: ApiKey) -> Principal:
    """Return the caller that a key identifies: a session's caller has the id of its parent key."""
    return Principal(
        id=key.parent or key.id,
        name=key.name,
        scopes=frozenset(key.scopes),
        session=key.parent is not None,
    )


def grant_scopes(role: Role | None, scopes: Collection[Scope] | None) -> tuple[Scope, ...]:
    """Return the scopes of a new key: the given ones, or all of its role (`member` by default).

    Raises `Invalid` if the role does not include a given scope.
    """
    if scopes is None:
        return ROLE_SCOPES[role or Role.MEMBER]
    if role is not None:
        beyond = [scope for scope in scopes if scope not in ROLE_SCOPES[role]]
        if beyond:
            raise Invalid(f"the role {role} does not include {_join_scopes(beyond)}", "scopes")
    return tuple(scope for scope in Scope if scope in scopes)


def check_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return the expiry of a new key; raise `Invalid` if it is not in the future."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("the expiry of a new key must be in the future", "expiresAt")
    return expires_at


def _join_scopes(scopes: Iterable[Scope]) -> str:
    return ", ".join(scope.value for scope in scopes)
