"""Authentication by token; creation and revocation of API keys and sessions."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from chalicelib.actions.claiming import earlier_result, made_first
from chalicelib.domain.access import (
    KEY_PREFIX,
    SESSION_LIVES,
    SESSION_PREFIX,
    USE_NOTED_EVERY,
    Key,
    Principal,
    Role,
    Scope,
    Unauthorized,
    checked_end,
    digest_of,
    granted,
    key_id,
    principal,
)
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing import Claim
from chalicelib.ports import Taken, World


def principal_of(world: World, token: str, *, noted: bool = True) -> Principal:
    """Return the caller that a token of a key or session identifies, or raise `Unauthorized`.

    The last use of a key is written at most once in `USE_NOTED_EVERY`, and never if `noted` is
    false.
    """
    key = _known(world, token)
    owner = _parent(world, key) if key.parent else key
    now = world.now()
    used = owner.last_used_at
    if noted and (used is None or now - used >= USE_NOTED_EVERY):
        world.keys.note_use(owner.id, now)
    return principal(key)


def _known(world: World, token: str) -> Key:
    digest = digest_of(token)
    key = world.keys.find(key_id(digest))
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise Unauthorized("this API key is not known: it never existed, or it was revoked")
    if key.expired(world.now()):
        raise Unauthorized(f"this {'session' if key.parent else 'API key'} has expired")
    return key


def _parent(world: World, session: Key) -> Key:
    key = world.keys.find(session.parent or "")
    if key is None or key.expired(world.now()):
        raise Unauthorized("the API key of this session was revoked or has expired")
    return key


def make(
    world: World,
    name: str,
    *,
    role: Role | None = None,
    scopes: Collection[Scope] | None = None,
    expires_at: datetime | None = None,
    by: str | None = None,
    claim: Claim | None = None,
) -> tuple[Key, str]:
    """Create a key; return it with its token, which is not stored and is shown only this once.

    With a claim, a repeated request returns the same token, derived again from the claim.
    """
    if earlier := earlier_result(world, claim):
        return _made_before(world, earlier)
    now = world.now()
    seed = secrets.token_urlsafe(32)
    token = _token(world, seed) if claim else KEY_PREFIX + seed
    digest = digest_of(token)
    key = Key(
        id=key_id(digest),
        digest=digest,
        name=name,
        role=role if scopes is not None else role or Role.MEMBER,
        scopes=granted(role, scopes),
        created_at=now,
        updated_at=now,
        created_by=by,
        expires_at=checked_end(expires_at, now),
    )
    try:
        world.keys.add(key, replace(claim, result=seed) if claim else None)
    except Taken as taken:
        return _made_before(world, made_first(world, claim, taken))
    return key, token


def _made_before(world: World, seed: str) -> tuple[Key, str]:
    token = _token(world, seed)
    id = key_id(digest_of(token))
    key = world.keys.find(id)
    if key is None:
        raise NotFound("API key", id)
    return key, token


def _token(world: World, seed: str) -> str:
    """Return the token that a seed yields, signed with the stage's key."""
    return KEY_PREFIX + world.seals.sign(f"API key {seed}")


def revoke(world: World, id: str, by: Principal) -> Key:
    """Revoke a key and all its sessions at once.

    Raises `NotFound` for an unknown key, `Conflict` if a key would revoke itself, and
    `Unauthorized` if the caller's own key was revoked concurrently.
    """
    key = world.keys.find(id)
    if key is None or key.parent:
        raise NotFound("API key", id)
    if key.id == by.id:
        raise Conflict("a key cannot revoke itself: use another key, so that at least one remains")
    try:
        world.keys.remove(id, by.id)
    except Taken:
        raise Unauthorized("your own API key was revoked during this request") from None
    return key


def open_session(world: World, token: str) -> tuple[Key, str]:
    """Open a session with the token of a key; return the session and its own token.

    Raises `Unauthorized` if the token is not that of a valid key.
    """
    if not token.startswith(KEY_PREFIX):
        raise Unauthorized("an API key starts with optio_pat_")
    key = _known(world, token)
    now = world.now()
    ends = now + SESSION_LIVES
    mine = SESSION_PREFIX + secrets.token_urlsafe(32)
    digest = digest_of(mine)
    session = replace(
        key,
        id=key_id(digest),
        digest=digest,
        parent=key.id,
        created_at=now,
        updated_at=now,
        last_used_at=None,
        expires_at=min(ends, key.expires_at) if key.expires_at else ends,
    )
    world.keys.add(session)
    return session, mine


def close_session(world: World, token: str) -> None:
    """End a session at once; do nothing if it has already ended."""
    key = world.keys.find(key_id(digest_of(token)))
    if key is not None and key.parent:
        world.keys.remove(key.id)
