"""Idempotent requests: a repeated Idempotency-Key returns the first request's result."""

from __future__ import annotations

from chalicelib.domain.errors import Conflict, Superseded
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.ports import World, WriteConflict


def first_result(world: World, claim: IdempotencyClaim) -> str:
    """Return the result of the first request with this Idempotency-Key.

    Raises `Conflict` if that request had another body, and `Superseded` if its claim is not
    readable yet.
    """
    first = world.firings.find_claim(claim.key, world.now())
    if first is None:
        raise Superseded(
            "the first request with this Idempotency-Key is still being processed; try again"
        )
    if first.digest != claim.digest:
        raise Conflict("this Idempotency-Key was already used with another body: use a new key")
    return first.result


def earlier_result(world: World, claim: IdempotencyClaim | None) -> str | None:
    """Return the result of an earlier request with this Idempotency-Key, None if this is the first.

    It is checked before anything else, so that the first response remains valid even if something
    was paused, edited or used up since.
    """
    if claim is None or world.firings.find_claim(claim.key, world.now()) is None:
        return None
    return first_result(world, claim)


def existing_result(world: World, claim: IdempotencyClaim | None, taken: WriteConflict) -> str:
    """Return the first request's result after a conflict; raise `taken` if there is no claim."""
    if claim is None:
        raise taken
    return first_result(world, claim)
