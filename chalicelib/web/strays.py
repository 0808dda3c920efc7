"""Responses outside the views: unknown paths, other methods, crashes and oversized responses.

The gateway passes requests without a route to the function as `STRAY`. Programs receive JSON,
and browsers that request a page receive a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib.web import pages
from chalicelib.web.http import answer

STRAY = "/{proxy+}"
"""The catch-all path of the gateway."""
LARGEST = 6 * 1024 * 1024 - 16 * 1024
"""Maximum bytes of a response body as JSON: Lambda's limit without the surrounding fields."""
LONGEST_CHARACTER = 12
TOO_LARGE = (
    "this response would exceed the 6 MB limit of AWS: request less, for example a smaller limit"
)
FAILED = "an internal error occurred; the log of the function has the details. Try again"
Table = Mapping[str, Mapping[str, Any]]
Following = Callable[[Request], Response]


def around(table: Table) -> Callable[[Request, Following], Response]:
    """Return the middleware that chalice calls around each view of this table of routes."""

    def answering(request: Request, following: Following) -> Response:
        path = request.path
        if path == STRAY:
            path = "/" + str((request.uri_params or {}).get("proxy", ""))
        known = table.get(request.path) or _known(path, table)
        if known is None:
            return _refused(request, path, 404, "no such path")
        if request.path == STRAY or request.method not in known:
            said = f"this path accepts {', '.join(known)}, not {request.method}"
            refused = _refused(request, path, 405, said)
            refused.headers["Allow"] = ", ".join(known)
            return refused
        done = following(request)
        if isinstance(
            done.body, dict
        ):  # chalice's own response: a view crashed, and chalice logged the error
            return _refused(request, path, done.status_code, FAILED)
        if _too_large(str(done.body)):
            return _refused(request, path, 413, TOO_LARGE)
        return done

    return answering


def _too_large(body: str) -> bool:
    """Return whether the body as JSON exceeds the limit, so that the gateway would return 502."""
    return len(body) > LARGEST // LONGEST_CHARACTER and len(json.dumps(body)) > LARGEST


def _known(path: str, table: Table) -> Mapping[str, Any] | None:
    """Return the methods of the most specific route that matches a path."""
    parts = path.rstrip("/").split("/")
    found = [pattern for pattern in table if _fits(pattern.split("/"), parts)]
    return table[min(found, key=lambda pattern: pattern.count("{"))] if found else None


def _fits(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(
        one == other or (one.startswith("{") and bool(other))
        for one, other in zip(pattern, parts, strict=True)
    )


def _refused(request: Request, path: str, status: int, said: str) -> Response:
    if "text/html" in str(request.headers.get("accept") or "") and not path.startswith("/api/"):
        return pages.shell.stray(request, path, status, said)
    return answer({"error": said, "details": []}, status)
