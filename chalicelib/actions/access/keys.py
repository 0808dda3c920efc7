"""Authentication by token; creation and revocation of API keys and sessions."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.actions.idempotency import earlier_result, existing_result
from chalicelib.domain.access.key import (
    KEY_PREFIX,
    SESSION_LIFETIME,
    SESSION_PREFIX,
    USE_RECORDING_INTERVAL,
    ApiKey,
    Principal,
    Role,
    Scope,
    Unauthorized,
    check_expiry,
    grant_scopes,
    key_id,
    principal_of_key,
    token_digest,
)
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.ports import World, WriteConflict


def principal_of(world: World, token: str, *, noted: bool = True) -> Principal:
    """Return the caller that a token of a key or session identifies, or raise `Unauthorized`.

    The last use of a key is written at most once in `USE_RECORDING_INTERVAL`, and never if `noted`
    is false.
    """
    key = _find_key(world, token)
    owner = _parent_key(world, key) if key.parent else key
    now = world.now()
    used = owner.last_used_at
    if noted and (used is None or now - used >= USE_RECORDING_INTERVAL):
        world.keys.note_use(owner.id, now)
    return principal_of_key(key)


def _find_key(world: World, token: str) -> ApiKey:
    digest = token_digest(token)
    key = world.keys.find_by_id(key_id(digest))
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise Unauthorized("this API key is not known: it never existed, or it was revoked")
    if key.is_expired(world.now()):
        raise Unauthorized(f"this {'session' if key.parent else 'API key'} has expired")
    return key


def _parent_key(world: World, session: ApiKey) -> ApiKey:
    key = world.keys.find_by_id(session.parent or "")
    if key is None or key.is_expired(world.now()):
        raise Unauthorized("the API key of this session was revoked or has expired")
    return key


def create_key(
    world: World,
    name: str,
    *,
    role: Role | None = None,
    scopes: Collection[Scope] | None = None,
    expires_at: datetime | None = None,
    by: str | None = None,
    claim: IdempotencyClaim | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return it with its token, which is not stored and is shown only this once.

    With a claim, a repeated request returns the same token, derived again from the claim.
    """
    if earlier := earlier_result(world, claim):
        return _existing_key(world, earlier)
    now = world.now()
    seed = secrets.token_urlsafe(32)
    token = _token_of_seed(world, seed) if claim else KEY_PREFIX + seed
    digest = token_digest(token)
    key = ApiKey(
        id=key_id(digest),
        digest=digest,
        name=name,
        role=role if scopes is not None else role or Role.MEMBER,
        scopes=grant_scopes(role, scopes),
        created_at=now,
        updated_at=now,
        created_by=by,
        expires_at=check_expiry(expires_at, now),
    )
    try:
        world.keys.add(key, replace(claim, result=seed) if claim else None)
    except WriteConflict as taken:
        return _existing_key(world, existing_result(world, claim, taken))
    return key, token


def _existing_key(world: World, seed: str) -> tuple[ApiKey, str]:
    token = _token_of_seed(world, seed)
    id = key_id(token_digest(token))
    key = world.keys.find_by_id(id)
    if key is None:
        raise NotFound("API key", id)
    return key, token


def _token_of_seed(world: World, seed: str) -> str:
    """Return the token that a seed yields, signed with the stage's key."""
    return KEY_PREFIX + world.encryption.sign_text(f"API key {seed}")


def revoke_key(world: World, id: str, by: Principal) -> ApiKey:
    """Revoke a key and all its sessions at once.

    Raises `NotFound` for an unknown key, `Conflict` if a key would revoke itself, and
    `Unauthorized` if the caller's own key was revoked concurrently.
    """
    key = world.keys.find_by_id(id)
    if key is None or key.parent:
        raise NotFound("API key", id)
    if key.id == by.id:
        raise Conflict("a key cannot revoke itself: use another key, so that at least one remains")
    try:
        world.keys.remove(id, by.id)
    except WriteConflict:
        raise Unauthorized("your own API key was revoked during this request") from None
    return key


def open_session(world: World, token: str) -> tuple[ApiKey, str]:
    """Open a session with the token of a key; return the session and its own token.

    Raises `Unauthorized` if the token is not that of a valid key.
    """
    if not token.startswith(KEY_PREFIX):
        raise Unauthorized("an API key starts with optio_pat_")
    key = _find_key(world, token)
    now = world.now()
    ends = now + SESSION_LIFETIME
    mine = SESSION_PREFIX + secrets.token_urlsafe(32)
    digest = token_digest(mine)
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
    key = world.keys.find_by_id(key_id(token_digest(token)))
    if key is not None and key.parent:
        world.keys.remove(key.id)


def use_sign_in_link(world: World, fingerprint: str, lifetime: timedelta) -> bool:
    """Mark a sign-in link as used until it has expired; return whether this was its first use."""
    now = world.now()
    return world.markers.record_once(f"link#{fingerprint}", now, now + lifetime)
