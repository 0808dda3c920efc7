"""The facts that rules of warnings need: linked templates and ticket providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.tickets.provider import TicketProvider


@dataclass(frozen=True, kw_only=True)
class WarningFacts:
    """The linked templates by id, and all ticket providers; each was read once."""

    templates: Mapping[str, PromptTemplate]
    providers: tuple[TicketProvider, ...]

    def prompt_of(self, blueprint: Blueprint) -> str | None:
        """Return the prompt with which a blueprint fires; None if its template is gone."""
        linked = blueprint.prompt_template_id
        if linked is None:
            return blueprint.prompt
        template = self.templates.get(linked)
        return template.template if template else None
