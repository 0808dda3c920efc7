"""Prompt templates: prompts that several blueprints share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """A named prompt of the library; a blueprint that is linked to it fires with its text."""

    id: str
    name: str
    template: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    kind: str = "prompt"
    description: str = ""
    params_schema: dict[str, object] | None = None
    default_agent_type: str | None = None
