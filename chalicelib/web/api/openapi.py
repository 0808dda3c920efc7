"""Routes of the API's description, which need no key."""

from __future__ import annotations

from functools import cache

from chalice.app import Response

from chalicelib.web.http import headers
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import ALL_ROUTES, Routes
from chalicelib.web.openapi import docs_page, document

routes = Routes(__name__)


@routes.add_route("GET", "/api/openapi.json", scope=None)
def describe_api() -> Answer[dict[str, object]]:
    """Return the OpenAPI 3.1 document of this API."""
    return json_answer(_openapi_document())


@routes.add_route("GET", "/docs", scope=None)
def browse_api() -> Response:
    """Show the description of this API as a page."""
    page_headers: dict[str, str | list[str]] = {
        **headers.COMMON_HEADERS,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": docs_page.CONTENT_SECURITY_POLICY,
    }
    # A relative URL works with and without the stage in the path.
    return Response(
        docs_page.render_page(_openapi_document(), "api/openapi.json"), headers=page_headers
    )


@cache
def _openapi_document() -> document.Schema:
    return document.build_document(
        [operation for room in ALL_ROUTES for operation in room.operations]
    )
