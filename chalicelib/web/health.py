"""Whether the service is up."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.web.http import Routes, answer

routes = Routes(__name__)


@routes.at("GET", "/api/health", open=True)
def health() -> Response:
    """Answer; no key is needed and nothing is read."""
    return answer({"status": "ok"})
