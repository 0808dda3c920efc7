"""Responses outside the views: unknown paths, other methods, `HEAD`, crashes, large responses.

The gateway passes requests without a route to the function as `CATCH_ALL`. Programs receive JSON,
and browsers that request a page receive a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib.web import pages
from chalicelib.web.http.responses import json_answer

CATCH_ALL = "/{proxy+}"
"""The catch-all path of the gateway."""
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 16 * 1024
"""Maximum bytes of a response body as JSON: Lambda's limit without the surrounding fields."""
MAX_ESCAPED_CHARACTER_BYTES = 12
TOO_LARGE_MESSAGE = (
    "this response would exceed the 6 MB limit of AWS: request less, for example a smaller limit"
)
FAILED_MESSAGE = "an internal error occurred; the log of the function has the details. Try again"
RouteTable = Mapping[str, Mapping[str, Any]]
NextHandler = Callable[[Request], Response]


def fallback_middleware(table: RouteTable) -> Callable[[Request, NextHandler], Response]:
    """Return the middleware that chalice calls around each view of this table of routes.

    It also answers `HEAD` as `GET`, without the body.
    """

    def answering(request: Request, following: NextHandler) -> Response:
        if request.method != "HEAD":
            return _answer(request, following, table)
        answer = _answer(request, following, table)
        answer.body = ""
        return answer

    return answering


def _answer(request: Request, following: NextHandler, table: RouteTable) -> Response:
    path = request.path
    if path == CATCH_ALL:
        path = "/" + str((request.uri_params or {}).get("proxy", ""))
    pattern = request.path if request.path in table else _pattern_of_path(path, table)
    if pattern is None:
        return _refuse(request, path, 404, "no such path")
    methods = table[pattern]
    if request.method == "HEAD" and "GET" in methods:
        _read_as_get(request, pattern, path)
    if request.path == CATCH_ALL or request.method not in methods:
        message = f"this path accepts {', '.join(methods)}, not {request.method}"
        refused = _refuse(request, path, 405, message)
        refused.headers["Allow"] = ", ".join(methods)
        return refused
    done = following(request)
    if isinstance(
        done.body, dict
    ):  # chalice's own response: a view crashed, and chalice logged the error
        return _refuse(request, path, done.status_code, FAILED_MESSAGE)
    if _too_large(str(done.body)):
        return _refuse(request, path, 413, TOO_LARGE_MESSAGE)
    return done


def _read_as_get(request: Request, pattern: str, path: str) -> None:
    """Turn a `HEAD` request into the `GET` request of its route, for chalice and for the view."""
    event = request.to_original_event()
    if request.path == CATCH_ALL:
        pairs = zip(pattern.split("/"), path.rstrip("/").split("/"), strict=True)
        request.uri_params = {name[1:-1]: part for name, part in pairs if name.startswith("{")}
        request.path = pattern
    request.method = "GET"
    event["pathParameters"] = request.uri_params
    event["requestContext"] |= {"httpMethod": "GET", "resourcePath": pattern}


def _too_large(body: str) -> bool:
    """Return whether the body as JSON exceeds the limit, so that the gateway would return 502."""
    return (
        len(body) > MAX_RESPONSE_BYTES // MAX_ESCAPED_CHARACTER_BYTES
        and len(json.dumps(body)) > MAX_RESPONSE_BYTES
    )


def _pattern_of_path(path: str, table: RouteTable) -> str | None:
    """Return the most specific route that matches a path."""
    parts = path.rstrip("/").split("/")
    matching = [pattern for pattern in table if _matches_pattern(pattern.split("/"), parts)]
    return min(matching, key=lambda pattern: pattern.count("{"), default=None)


def _matches_pattern(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(
        part == other or (part.startswith("{") and bool(other))
        for part, other in zip(pattern, parts, strict=True)
    )


def _refuse(request: Request, path: str, status: int, message: str) -> Response:
    if "text/html" in str(request.headers.get("accept") or "") and not path.startswith("/api/"):
        return pages.dispatch.fallback_page(request, path, status, message)
    return json_answer({"error": message, "details": []}, status)
