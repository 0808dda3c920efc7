"""The caller of a request: its credential, and the scope that a route needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chalice.app import Request

from chalicelib import wiring
from chalicelib.actions.access import keys
from chalicelib.actions.jobs import builds
from chalicelib.domain.access.key import KEY_PREFIX, Forbidden, Principal, Scope, Unauthorized
from chalicelib.domain.runs.build import JOB_TOKEN_PREFIX, RUN_TOKEN_PREFIX, ClaimToken

_caller: ContextVar[Principal | None] = ContextVar("caller", default=None)


@contextmanager
def calling_as(caller: Principal | None) -> Iterator[None]:
    """Set the caller of the current request for the duration of the block; None on an open route.

    A process answers many requests, so the caller of one must not be that of the next.
    """
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def current_caller() -> Principal:
    """Return the caller of the current request; raise `RuntimeError` on an open route."""
    caller = _caller.get()
    if caller is None:
        raise RuntimeError("an open route has no caller: give it a scope")
    return caller


def authorize_request(request: Request, needs: Scope, noted: bool) -> Principal:
    """Return the owner of the request's credential.

    Raises `Unauthorized` if there is no such owner, and `Forbidden` if it lacks the scope. If not
    `noted`, the last use of an API key is not written.
    """
    token = bearer_token(request)
    if not token:
        raise Unauthorized(
            "the header Authorization is missing: send Authorization: Bearer optio_pat_…"
        )
    if needs is Scope.RUNNER and token.startswith((RUN_TOKEN_PREFIX, JOB_TOKEN_PREFIX)):
        if claim_token_of(request) is None:
            raise Unauthorized("this token is not valid")
        return Principal(id="build", name="build", scopes=frozenset({Scope.RUNNER}))
    if not token.startswith(KEY_PREFIX):
        raise Unauthorized(f"this is not an API key: one starts with {KEY_PREFIX}")
    principal = keys.principal_of(wiring.get_world(), token, noted=noted)
    if not principal.has_scope(needs):
        raise Forbidden(f"this requires an API key with the scope {needs.value}")
    return principal


def bearer_token(request: Request) -> str:
    """Return the bearer token of a request, or an empty text."""
    kind, _, token = str(request.headers.get("authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def claim_token_of(request: Request) -> ClaimToken | None:
    """Return the pass of a build if it is the credential of the request, otherwise None."""
    return builds.claim_token_of(wiring.get_world(), bearer_token(request))
