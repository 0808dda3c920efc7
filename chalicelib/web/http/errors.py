"""Errors as responses: the HTTP status of each kind of error, for the API and for pages."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.domain.access.key import Forbidden, Unauthorized
from chalicelib.domain.errors import (
    Busy,
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
    Busy: 503,
}
"""The only table of statuses. Each direct subclass of `DomainError` must be in it."""


def status_of(error: DomainError) -> int:
    """Return the HTTP status of an error, which is that of the nearest class in the table."""
    return next(STATUS_OF_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_OF_ERROR)


def retry_headers(error: DomainError) -> dict[str, str]:
    """Return the header that states when the request may be repeated, if the error states it."""
    if not isinstance(error, RateLimited | Busy):
        return {}
    return {"Retry-After": str(error.wait_seconds)}


def error_response(error: DomainError) -> Response:
    """Return the JSON response of an error, with its faults."""
    details = [{"field": fault.field, "message": fault.message} for fault in error.faults]
    refusal = json_answer({"error": str(error), "details": details}, status_of(error))
    refusal.headers.update(retry_headers(error))
    return refusal
