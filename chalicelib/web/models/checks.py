"""Request models of the validation route."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.models.tasks import EXAMPLE
from chalicelib.web.models.types import Model, shown

Body = Annotated[dict[str, Any], Field(max_length=limits.CHECKED)]
Bodies = Annotated[list[Body], Field(max_length=limits.CHECKED)]


class Checks(Model):
    model_config = shown({"tasks": [{**EXAMPLE, "type": "standalone"}]})
    repos: Bodies = []
    prompt_templates: Bodies = []
    tasks: Bodies = []
