"""Static files. Clients cache them indefinitely, because changed content has another URL."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.headers import COMMON_HEADERS, NO_CONTENT_POLICY
from chalicelib.web.pages.rendering import asset_path, static_files
from chalicelib.web.pages.request import PageRequest

CONTENT_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def show_asset(visit: PageRequest, digest: str, name: str) -> Response:
    """Return a static file."""
    if name not in static_files():
        raise NotFound("file", name)
    current = asset_path(name).split("/")[1] == digest
    cache_control = "public, max-age=31536000, immutable" if current else "no-cache"
    kind = CONTENT_TYPES[name.rpartition(".")[2]]
    return Response(
        body=static_files()[name],
        status_code=200,
        headers={
            **COMMON_HEADERS,
            "Content-Security-Policy": NO_CONTENT_POLICY,
            "Content-Type": f"{kind}; charset=utf-8",
            "Cache-Control": cache_control,
        },
    )
