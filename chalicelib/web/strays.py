"""What no view answers: unknown addresses, other methods, what went wrong, and what is too big.

The gateway gives the function whatever no route takes, as `STRAY`. An answer looks as everything
around it does: data for a program, a page for a person who came to a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib.web import pages
from chalicelib.web.http import answer

STRAY = "/{proxy+}"
"""The path of the gateway that takes what no other one does."""
LARGEST = 6 * 1024 * 1024 - 16 * 1024
"""Bytes that a function may answer, as JSON, without what comes around the body."""
LONGEST_CHARACTER = 12
TOO_LARGE = "this answer would be bigger than the 6 MB that AWS lets through: ask for less of it"
FAILED = "something went wrong here, and the log of the function says what: try again"
Table = Mapping[str, Mapping[str, Any]]
Following = Callable[[Request], Response]


def around(table: Table) -> Callable[[Request, Following], Response]:
    """Return what chalice calls around each view of this table of routes."""

    def answering(request: Request, following: Following) -> Response:
        path = request.path
        if path == STRAY:
            path = "/" + str((request.uri_params or {}).get("proxy", ""))
        known = table.get(request.path) or _known(path, table)
        if known is None:
            return _refused(request, path, 404, "no such path")
        if request.path == STRAY or request.method not in known:
            said = f"this path takes {', '.join(known)}, not {request.method}"
            refused = _refused(request, path, 405, said)
            refused.headers["Allow"] = ", ".join(known)
            return refused
        done = following(request)
        if isinstance(done.body, dict):  # chalice's own words: a view failed, and it logged why
            return _refused(request, path, done.status_code, FAILED)
        if _too_large(str(done.body)):
            return _refused(request, path, 413, TOO_LARGE)
        return done

    return answering


def _too_large(body: str) -> bool:
    """Whether the gateway would answer 502 for it, as the JSON that a function answers with."""
    return len(body) > LARGEST // LONGEST_CHARACTER and len(json.dumps(body)) > LARGEST


def _known(path: str, table: Table) -> Mapping[str, Any] | None:
    """Return the methods of the route that a path means: the one that names most of it."""
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
