"""Routes of the API: each states its scope, its body and its responses."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from chalice.app import Blueprint as ChaliceBlueprint
from chalice.app import Request, Response

from chalicelib import log_context, wiring
from chalicelib.domain.access.key import Scope
from chalicelib.domain.errors import DomainError
from chalicelib.web.http import audit, query_params
from chalicelib.web.http.authentication import authorize_request, calling_as
from chalicelib.web.http.errors import error_response
from chalicelib.web.http.operation import ApiOperation

wiring.log_as_json()
WRITE_SCOPES = (Scope.RUN, Scope.WRITE, Scope.ADMIN)
"""Scopes whose writes are recorded in the audit log. A run is the record of its runner's calls."""


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
        action: str = "",
        deprecated: bool = False,
    ) -> Callable[[Callable[..., Response]], Any]:
        """Register a view.

        `scope` is the scope that the caller's key must have. None opens the route to everyone, so
        each route must state one or the other. `records_key_use` is false for a route that is
        called constantly: the last use of a key is then not written. `action` is the name in the
        audit log, such as `repo.create`; a write whose scope is in `WRITE_SCOPES` must state it.

        The other arguments describe the route: the model of its body (`partial`: any of the
        fields),
        its query parameters and its status on success (or the other one). The type of the response
        is that of the view; `deprecated` marks the older name of another route.
        """
        register = self.route(path, methods=[method], content_types=["*/*"])
        if method != "GET" and scope in WRITE_SCOPES and "." not in action:
            raise TypeError(f"{method} {path} writes: state its action for the audit log")

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
                action=action,
                deprecated=deprecated,
            )
            self.operations.append(operation)
            return register(self._make_handler(operation, records_key_use))

        return around

    def _make_handler(self, operation: ApiOperation, noted: bool) -> Callable[..., Response]:
        """Return the function that chalice calls: it authorizes, calls the view, and records."""
        route, scope = f"{operation.method} {operation.path}", operation.scope

        @functools.wraps(operation.view)
        def answering(**params: str) -> Response:
            request = self.current_request
            path_params = {name: unquote(value) for name, value in params.items()}
            cause = request.context.get("requestId") or str(uuid.uuid4())
            with log_context.log_context(correlation_id=cause, route=route):
                try:
                    caller = authorize_request(request, scope, noted) if scope else None
                    with calling_as(caller):
                        _check_query(request, operation)
                        done = operation.view(**path_params)
                except DomainError as error:
                    return error_response(error)
                if operation.action and done.status_code < 400:
                    audit_action = audit.action_of_route(
                        request, operation.action, path_params, done
                    )
                    audit.record_action(request, audit_action, caller)
                return done

        return answering


def _check_query(request: Request, operation: ApiOperation) -> None:
    """Raise `Invalid` for faults of the query parameters; a call without any loads no rules."""
    if operation.query and request.query_params:
        query_params.check_parameters(request.query_params, operation.query, operation.path)
