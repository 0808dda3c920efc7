"""Value types that responses share."""

from __future__ import annotations

from typing import Annotated

from pydantic import WithJsonSchema

Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Cursor = Annotated[
    str | None,
    WithJsonSchema(
        {
            "type": ["string", "null"],
            "description": "A position in the list, for the parameter `cursor`",
        }
    ),
]
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Json = Annotated[object, WithJsonSchema({"description": "Any JSON"})]
