"""Static files. Clients cache them indefinitely, because changed content has another URL."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.headers import EVERYWHERE, NOTHING_RUNS
from chalicelib.web.pages.rendering import asset, assets
from chalicelib.web.pages.visit import Visit

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def show(visit: Visit, digest: str, name: str) -> Response:
    """Return a static file."""
    if name not in assets():
        raise NotFound("file", name)
    current = asset(name).split("/")[1] == digest
    kept = "public, max-age=31536000, immutable" if current else "no-cache"
    kind = KINDS[name.rpartition(".")[2]]
    return Response(
        body=assets()[name],
        status_code=200,
        headers={
            **EVERYWHERE,
            "Content-Security-Policy": NOTHING_RUNS,
            "Content-Type": f"{kind}; charset=utf-8",
            "Cache-Control": kept,
        },
    )
