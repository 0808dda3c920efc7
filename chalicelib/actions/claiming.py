"""Requests with an Idempotency-Key: what comes twice finds what the first one made."""

from __future__ import annotations

from chalicelib.domain.errors import Conflict, Superseded
from chalicelib.domain.firing import Claim
from chalicelib.ports import Taken, World


def repeated(world: World, claim: Claim) -> str:
    """Return the result of the request that used this Idempotency-Key before; 409 if another's."""
    first = world.firings.claimed(claim.key, world.now())
    if first is None:
        raise Superseded("the first request with this Idempotency-Key is just being answered")
    if first.digest != claim.digest:
        raise Conflict("this Idempotency-Key was used with another body")
    return first.result


def earlier_result(world: World, claim: Claim | None) -> str | None:
    """Return the result of an earlier request with this Idempotency-Key, None for a first one.

    It is asked for before anything is checked: the first answer holds, whatever was paused,
    edited or used up since.
    """
    if claim is None or world.firings.claimed(claim.key, world.now()) is None:
        return None
    return repeated(world, claim)


def made_first(world: World, claim: Claim | None, taken: Taken) -> str:
    """Return what the first request made that was in the way; raise `taken` where none can be."""
    if claim is None:
        raise taken
    return repeated(world, claim)
