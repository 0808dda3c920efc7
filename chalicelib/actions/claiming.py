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


def made_first(world: World, claim: Claim | None, taken: Taken) -> str:
    """Return what the first request made that was in the way; raise `taken` where none can be."""
    if claim is None:
        raise taken
    return repeated(world, claim)
