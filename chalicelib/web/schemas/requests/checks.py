"""Request models of the validation route."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.schemas.requests.fields import Model, schema_extra
from chalicelib.web.schemas.requests.tasks import EXAMPLE

Body = Annotated[dict[str, Any], Field(max_length=limits.MAX_CHECKED_BODIES)]
Bodies = Annotated[list[Body], Field(max_length=limits.MAX_CHECKED_BODIES)]


class Checks(Model):
    model_config = schema_extra({"tasks": [{**EXAMPLE, "type": "standalone"}]})
    repos: Bodies = []
    prompt_templates: Bodies = []
    tasks: Bodies = []
