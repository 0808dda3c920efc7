"""What describes the API, open to everybody."""

from __future__ import annotations

from functools import cache

from chalice.app import Response

from chalicelib.web import health, history, openapi, repos, runner, tasks, triggers
from chalicelib.web.http import Routes, answer

routes = Routes(__name__)


@routes.at("GET", "/api/openapi.json", open=True)
def description() -> Response:
    """Return the OpenAPI 3.1 document of this API."""
    return answer(_document())


@cache
def _document() -> openapi.Schema:
    rooms = (health, tasks, triggers, history, repos, runner)
    operations = [*routes.operations]
    for room in rooms:
        operations += room.routes.operations
    return openapi.document(operations)
