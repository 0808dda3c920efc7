"""HTTP requests and responses: routes with their scopes, bodies, answers and errors."""

from __future__ import annotations

import functools
import hashlib
import json
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from chalice.app import Blueprint as ChaliceBlueprint
from chalice.app import Request, Response

from chalicelib import log_context, wiring
from chalicelib.actions.access import keys
from chalicelib.actions.jobs import builds
from chalicelib.domain import limits, strict_json
from chalicelib.domain.access.key import KEY_PREFIX, Forbidden, Principal, Scope, Unauthorized
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
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import format_moment
from chalicelib.domain.runs.build import JOB_TOKEN_PREFIX, RUN_TOKEN_PREFIX, ClaimToken
from chalicelib.web.http import audit, headers, query_params
from chalicelib.web.http.cursors import decode_cursor
from chalicelib.web.http.operation import ApiOperation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
wiring.log_as_json()
IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)
PAGE_PARAMETERS = ("limit", "cursor")
WRITE_SCOPES = (Scope.RUN, Scope.WRITE, Scope.ADMIN)
"""Scopes whose writes are recorded in the audit log. A run is the record of its runner's calls."""


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


ALL_ROUTES: list[Routes] = []
"""The routes of every loaded module."""


class Routes(ChaliceBlueprint):
    """A chalice Blueprint whose views may raise any `DomainError`.

    Chalice turns an unknown exception into a 500 before middleware sees it, so the translation
    happens here, around the view.
    """

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name)
        self.operations: list[ApiOperation] = []
        ALL_ROUTES.append(self)

    def add_route(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None,
        records_key_use: bool = True,
        body: str = "",
        partial: bool = False,
        query: tuple[str, ...] = (),
        status: int = 200,
        alt_status: int | None = None,
        recorded: bool = False,
        deprecated: bool = False,
    ) -> Callable[[Callable[..., Response]], Any]:
        """Register a view.

        `scope` is the scope that the caller's key must have. None opens the route to everyone, so
        each route must state one or the other. `records_key_use` is false for a route that is
        called constantly: the last use of a key is then not written. Writes are recorded in the
        audit log in any case; `recorded` requests a record that the scope does not imply.

        The other arguments describe the route: the model of its body (`partial`: any of the
        fields),
        its query parameters and its status on success (or the other one). The type of the response
        is that of the view; `deprecated` marks the older name of another route.
        """
        register = self.route(path, methods=[method], content_types=["*/*"])
        kept = recorded or (method != "GET" and scope in WRITE_SCOPES)

        def around(view: Callable[..., Response]) -> Any:
            operation = ApiOperation(
                method=method,
                path=path,
                summary=str(view.__doc__).strip().splitlines()[0],
                body=body,
                partial=partial,
                query=query,
                statuses=(status,) if alt_status is None else (status, alt_status),
                scope=scope,
                view=view,
                is_recorded=kept,
                deprecated=deprecated,
            )
            self.operations.append(operation)
            return register(self._make_handler(operation, records_key_use))

        return around

    def _make_handler(self, operation: ApiOperation, noted: bool) -> Callable[..., Response]:
        """Return the function that chalice calls: it authorizes, calls the view, and records."""
        route = f"{operation.method} {operation.path}"

        @functools.wraps(operation.view)
        def answering(**params: str) -> Response:
            request = self.current_request
            cause = request.context.get("requestId") or str(uuid.uuid4())
            with log_context.log_context(correlation_id=cause, route=route):
                try:
                    if operation.scope is not None:
                        _caller.set(_authorize(request, operation.scope, noted))
                    if operation.query and request.query_params:
                        query_params.check_parameters(
                            request.query_params, operation.query, operation.path
                        )
                    given = {name: unquote(value) for name, value in params.items()}
                    done = operation.view(**given)
                except DomainError as error:
                    return _error_response(error)
                if operation.is_recorded and done.status_code < 400:
                    deed = audit.action_of_route(request, operation.path, given, done)
                    audit.record_action(request, deed, current_caller())
                return done

        return answering


def status_of(error: DomainError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS_OF_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_OF_ERROR)


def _error_response(error: DomainError) -> Response:
    status = status_of(error)
    faults = error.faults if isinstance(error, Invalid | Conflict) else ()
    details = [{"field": fault.field, "message": fault.message} for fault in faults]
    refusal = json_answer({"error": str(error), "details": details}, status)
    if isinstance(error, RateLimited):
        refusal.headers["Retry-After"] = str(error.wait_seconds)
    return refusal


_caller: ContextVar[Principal] = ContextVar("caller")


def current_caller() -> Principal:
    """Return the caller of the current request, whose route must not be open."""
    return _caller.get()


def _authorize(request: Request, needs: Scope, noted: bool) -> Principal:
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
    found = keys.principal_of(wiring.get_world(), token, noted=noted)
    if not found.has_scope(needs):
        raise Forbidden(f"this requires an API key with the scope {needs.value}")
    return found


def bearer_token(request: Request) -> str:
    """Return the bearer token of a request, or an empty text."""
    kind, _, token = str(request.headers.get("authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def claim_token_of(request: Request) -> ClaimToken | None:
    """Return the pass of a build if it is the credential of the request, otherwise None."""
    return builds.claim_token_of(wiring.get_world(), bearer_token(request))


class Answer(Response, Generic[T_co]):
    """A JSON response whose type parameter describes its body to mypy and to the API's clients."""


def json_answer(body: T, status: int = 200) -> Answer[T]:
    """Return a JSON response, serialized here because chalice's own serialization can fail."""
    text = "" if status == 204 else json.dumps(body, ensure_ascii=False, default=_to_json_value)
    return Answer(body=text, status_code=status, headers=headers.data_headers())


def redirect_to(address: str) -> Response:
    """Redirect to a file in another store."""
    return Response(
        body="", status_code=302, headers={**headers.data_headers(), "Location": address}
    )


def _to_json_value(value: object) -> object:
    if isinstance(value, datetime):
        return format_moment(value)
    raise TypeError(f"{type(value)} cannot be represented in JSON")


def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, or raise an error that describes its fault."""
    raw = raw_body(request)
    if len(raw) > limits.MAX_BODY_BYTES:
        raise TooLarge("a request must not be larger than 1 MiB")
    if not raw:
        return {}
    kind = str(request.headers.get("content-type") or "application/json").split(";")[0].strip()
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotJson("send the body as Content-Type: application/json")
    body = strict_json.parse_json(decode_body(raw))
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    return body


def decode_body(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("the body is not valid UTF-8") from None


def raw_body(request: Request) -> bytes:
    """Return the exact bytes of the body."""
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()


def idempotency_claim(request: Request, result: str) -> IdempotencyClaim | None:
    """Return the 24-hour claim of the Idempotency-Key, or None without such a header."""
    key = str(request.headers.get("idempotency-key") or "").strip()
    if not key:
        return None
    if len(key) > limits.MAX_IDEMPOTENCY_KEY_LENGTH:
        rule = f"must have at most {limits.MAX_IDEMPOTENCY_KEY_LENGTH} characters"
        raise Invalid(rule, "Idempotency-Key")
    # Keys of other callers are separate, because the response may contain a token.
    where = f"{current_caller().id} {request.method} {request.context.get('path') or request.path}"
    return IdempotencyClaim(
        key=f"key#{hashlib.sha256(f'{where} {key}'.encode()).hexdigest()}",
        digest=hashlib.sha256(raw_body(request)).hexdigest(),
        result=result,
        expires_at=wiring.get_world().now() + IDEMPOTENCY_KEY_LIFETIME,
    )


def query_param(request: Request, name: str, default: str = "") -> str:
    """Return a query parameter, which was checked before the view was called."""
    return str(dict(request.query_params or {}).get(name, default))


def page_cursor(request: Request) -> str | None:
    """Return the list position after which the requested page begins; None for the first page."""
    return decode_cursor(query_param(request, "cursor"))


def page_limit(request: Request, default: int = 50) -> int:
    """Return the requested number of entries of a page."""
    return int(query_param(request, "limit", str(default)))


def parse_id(kind: str, text: str) -> str:
    """Return an id in normal form; raise `NotFound` for a malformed one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(kind, text) from None
