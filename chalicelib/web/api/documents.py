"""Routes of the API's description, which need no key."""

from __future__ import annotations

from functools import cache

from chalice.app import Response

from chalicelib.web import api_page, headers, openapi
from chalicelib.web.http import REGISTRY, Answer, Routes, answer

routes = Routes(__name__)


@routes.at("GET", "/api/openapi.json", needs=None)
def description() -> Answer[dict[str, object]]:
    """Return the OpenAPI 3.1 document of this API."""
    return answer(_document())


@routes.at("GET", "/docs", needs=None)
def browse() -> Response:
    """Show the description of this API as a page."""
    page_headers: dict[str, str | list[str]] = {
        **headers.EVERYWHERE,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": api_page.POLICY,
    }
    # A relative URL works with and without the stage in the path.
    return Response(api_page.page(_document(), "api/openapi.json"), headers=page_headers)


@cache
def _document() -> openapi.Schema:
    return openapi.document([one for room in REGISTRY for one in room.operations])
