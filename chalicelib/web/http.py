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

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.actions import access, launching
from chalicelib.domain import json_text, limits, trail
from chalicelib.domain.access import KEY_PREFIX, Forbidden, Principal, Scope, Unauthorized
from chalicelib.domain.errors import (
    Conflict,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    NotJson,
    TooLarge,
    TooMany,
    Unsigned,
)
from chalicelib.domain.firing import Claim, moment_text
from chalicelib.domain.launch import JOB_PREFIX, PREFIX, Pass
from chalicelib.web import audit, headers, queries
from chalicelib.web.cursors import decode_cursor
from chalicelib.web.operation import Operation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
wiring.log_as_json()
KEY_LIVES = timedelta(hours=24)
PAGE = ("limit", "cursor")
WRITES = (Scope.RUN, Scope.WRITE, Scope.ADMIN)
"""Scopes whose writes are recorded in the audit log. A run is the record of its runner's calls."""


STATUS: dict[type[DomainError], int] = {
    Invalid: 400,
    Unauthorized: 401,
    Unsigned: 401,
    Forbidden: 403,
    NotFound: 404,
    NotAllowed: 405,
    Conflict: 409,
    TooLarge: 413,
    NotJson: 415,
    TooMany: 429,
}


REGISTRY: list[Routes] = []
"""The routes of every loaded module."""


class Routes(Blueprint):
    """A chalice Blueprint whose views may raise any `DomainError`.

    Chalice turns an unknown exception into a 500 before middleware sees it, so the translation
    happens here, around the view.
    """

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name)
        self.operations: list[Operation] = []
        REGISTRY.append(self)

    def at(
        self,
        method: str,
        path: str,
        *,
        needs: Scope | None,
        noted: bool = True,
        takes: str = "",
        partly: bool = False,
        query: tuple[str, ...] = (),
        status: int = 200,
        or_else: int | None = None,
        recorded: bool = False,
        older: bool = False,
    ) -> Callable[[Callable[..., Response]], Any]:
        """Register a view.

        `needs` is the scope that the caller's key must have. None opens the route to everyone, so
        each route must state one or the other. `noted` is false for a route that is called
        constantly: the last use of a key is then not written. Writes are recorded in the audit log
        in any case; `recorded` requests a record that the scope does not imply.

        The other arguments describe the route: the model of its body (`partly`: any of the fields),
        its query parameters and its status on success (or the other one). The type of the response
        is that of the view; `older` marks the older name of another route.
        """
        register = self.route(path, methods=[method], content_types=["*/*"])
        kept = recorded or (method != "GET" and needs in WRITES)

        def around(view: Callable[..., Response]) -> Any:
            operation = Operation(
                method=method,
                path=path,
                summary=str(view.__doc__).strip().splitlines()[0],
                takes=takes,
                partly=partly,
                query=query,
                statuses=(status,) if or_else is None else (status, or_else),
                needs=needs,
                view=view,
                recorded=kept,
                older=older,
            )
            self.operations.append(operation)
            return register(self._answering(operation, noted))

        return around

    def _answering(self, operation: Operation, noted: bool) -> Callable[..., Response]:
        """Return the function that chalice calls: it authorizes, calls the view, and records."""
        route = f"{operation.method} {operation.path}"

        @functools.wraps(operation.view)
        def answering(**params: str) -> Response:
            request = self.current_request
            cause = request.context.get("requestId") or str(uuid.uuid4())
            with trail.following(correlation_id=cause, route=route):
                try:
                    if operation.needs is not None:
                        _caller.set(_authorize(request, operation.needs, noted))
                    if operation.query and request.query_params:
                        queries.check(request.query_params, operation.query, operation.path)
                    given = {name: unquote(value) for name, value in params.items()}
                    done = operation.view(**given)
                except DomainError as error:
                    return _refusal(error)
                if operation.recorded and done.status_code < 400:
                    deed = audit.of_route(request, operation.path, given, done)
                    audit.note(request, deed, caller())
                return done

        return answering


def status_of(error: DomainError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _refusal(error: DomainError) -> Response:
    status = status_of(error)
    faults = error.faults if isinstance(error, Invalid | Conflict) else ()
    details = [{"field": fault.field, "message": fault.message} for fault in faults]
    refusal = answer({"error": str(error), "details": details}, status)
    if isinstance(error, TooMany):
        refusal.headers["Retry-After"] = str(error.seconds)
    return refusal


_caller: ContextVar[Principal] = ContextVar("caller")


def caller() -> Principal:
    """Return the caller of the current request, whose route must not be open."""
    return _caller.get()


def _authorize(request: Request, needs: Scope, noted: bool) -> Principal:
    token = token_of(request)
    if not token:
        raise Unauthorized(
            "the header Authorization is missing: send Authorization: Bearer optio_pat_…"
        )
    if needs is Scope.RUNNER and token.startswith((PREFIX, JOB_PREFIX)):
        if pass_of(request) is None:
            raise Unauthorized("this token is not valid")
        return Principal(id="build", name="build", scopes=frozenset({Scope.RUNNER}))
    if not token.startswith(KEY_PREFIX):
        raise Unauthorized(f"this is not an API key: one starts with {KEY_PREFIX}")
    found = access.principal_of(wiring.world(), token, noted=noted)
    if not found.may(needs):
        raise Forbidden(f"this requires an API key with the scope {needs.value}")
    return found


def token_of(request: Request) -> str:
    """Return the bearer token of a request, or an empty text."""
    kind, _, token = str(request.headers.get("authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def pass_of(request: Request) -> Pass | None:
    """Return the pass of a build if it is the credential of the request, otherwise None."""
    return launching.pass_of(wiring.world(), token_of(request))


class Answer(Response, Generic[T_co]):
    """A JSON response whose type parameter describes its body to mypy and to the API's clients."""


def answer(body: T, status: int = 200) -> Answer[T]:
    """Return a JSON response, serialized here because chalice's own serialization can fail."""
    text = "" if status == 204 else json.dumps(body, ensure_ascii=False, default=_plain)
    return Answer(body=text, status_code=status, headers=headers.of_data())


def led_to(address: str) -> Response:
    """Redirect to a file in another store."""
    return Response(body="", status_code=302, headers={**headers.of_data(), "Location": address})


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return moment_text(value)
    raise TypeError(f"{type(value)} cannot be represented in JSON")


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, or raise an error that describes its fault."""
    raw = raw_of(request)
    if len(raw) > limits.BODY:
        raise TooLarge("a request must not be larger than 1 MiB")
    if not raw:
        return {}
    kind = str(request.headers.get("content-type") or "application/json").split(";")[0].strip()
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotJson("send the body as Content-Type: application/json")
    body = json_text.read(text_of(raw))
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    return body


def text_of(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("the body is not valid UTF-8") from None


def raw_of(request: Request) -> bytes:
    """Return the exact bytes of the body."""
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()


def claim_of(request: Request, result: str) -> Claim | None:
    """Return the 24-hour claim of the Idempotency-Key, or None without such a header."""
    key = str(request.headers.get("idempotency-key") or "").strip()
    if not key:
        return None
    if len(key) > limits.IDEMPOTENCY_KEY:
        rule = f"must have at most {limits.IDEMPOTENCY_KEY} characters"
        raise Invalid(rule, "Idempotency-Key")
    # Keys of other callers are separate, because the response may contain a token.
    where = f"{caller().id} {request.method} {request.context.get('path') or request.path}"
    return Claim(
        key=f"key#{hashlib.sha256(f'{where} {key}'.encode()).hexdigest()}",
        digest=hashlib.sha256(raw_of(request)).hexdigest(),
        result=result,
        expires_at=wiring.world().now() + KEY_LIVES,
    )


def query(request: Request, name: str, default: str = "") -> str:
    """Return a query parameter, which was checked before the view was called."""
    return str(dict(request.query_params or {}).get(name, default))


def cursor_of(request: Request) -> str | None:
    """Return the list position after which the requested page begins; None for the first page."""
    return decode_cursor(query(request, "cursor"))


def limit_of(request: Request, default: int = 50) -> int:
    """Return the requested number of entries of a page."""
    return int(query(request, "limit", str(default)))


def known_id(kind: str, text: str) -> str:
    """Return an id in normal form; raise `NotFound` for a malformed one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(kind, text) from None
