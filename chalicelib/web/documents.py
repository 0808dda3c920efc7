"""What describes the API, open to everybody."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.web.http import REGISTRY, Routes, answer
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
    return openapi.document([one for room in REGISTRY for one in room.operations])
