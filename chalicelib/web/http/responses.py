"""Responses of the API: JSON and redirects."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Generic, TypeVar

from chalice.app import Response

from chalicelib.domain.ids import format_moment
from chalicelib.web.http import headers

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answer(Response, Generic[T_co]):
    """A JSON response whose type parameter describes its body to mypy and to the API's clients."""


def json_answer(body: T, status: int = 200) -> Answer[T]:
    """Return a JSON response, serialized here because chalice's own serialization can fail."""
    text = "" if status == 204 else json.dumps(body, ensure_ascii=False, default=_to_json_value)
    return Answer(body=text, status_code=status, headers=headers.data_headers())


def redirect_to(address: str) -> Response:
    """Redirect to a file in another store."""
    return Response(
        body="", status_code=302, headers={**headers.data_headers(), "Location": address}
    )


def _to_json_value(value: object) -> object:
    if isinstance(value, datetime):
        return format_moment(value)
    raise TypeError(f"{type(value)} cannot be represented in JSON")
