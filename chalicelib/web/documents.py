"""What describes the API, open to everybody."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.web import (
    firings,
    health,
    history,
    hooks,
    prompt_templates,
    repos,
    runner,
    tasks,
    triggers,
)
from chalicelib.web.http import Routes, answer
from chalicelib.web.late import late

if TYPE_CHECKING:
    from chalicelib.web import openapi
else:
    openapi = late("chalicelib.web.openapi")

routes = Routes(__name__)


@routes.at("GET", "/api/openapi.json", open=True)
def description() -> Response:
    """Return the OpenAPI 3.1 document of this API."""
    return answer(_document())


@cache
def _document() -> openapi.Schema:
    rooms = (health, tasks, triggers, history, firings, hooks, prompt_templates, repos, runner)
    operations = [*routes.operations]
    for room in rooms:
        operations += room.routes.operations
    return openapi.document(operations)
