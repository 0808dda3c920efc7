"""Errors as responses: the HTTP status of each kind of error, for the API and for pages."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.domain.access.key import Forbidden, Unauthorized
from chalicelib.domain.errors import (
    Conflict,
    DomainError,
    Invalid,
    InvalidSignature,
    MethodNotAllowed,
    NotFound,
    NotJson,
    RateLimited,
    TooLarge,
)
from chalicelib.web.http.responses import json_answer

STATUS_OF_ERROR: dict[type[DomainError], int] = {
    Invalid: 400,
    Unauthorized: 401,
    InvalidSignature: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    TooLarge: 413,
    NotJson: 415,
    RateLimited: 429,
}


def status_of(error: DomainError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS_OF_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_OF_ERROR)


def error_response(error: DomainError) -> Response:
    status = status_of(error)
    faults = error.faults if isinstance(error, Invalid | Conflict) else ()
    details = [{"field": fault.field, "message": fault.message} for fault in faults]
    refusal = json_answer({"error": str(error), "details": details}, status)
    if isinstance(error, RateLimited):
        refusal.headers["Retry-After"] = str(error.wait_seconds)
    return refusal
