"""The variables of the page of the prompt templates."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.contexts.notices import Notice


@dataclass(frozen=True, kw_only=True)
class TemplateCard:
    """A prompt template; the page shows its text where it has no description."""

    id: str
    name: str
    description: str
    text: str


def draw_template_card(template: PromptTemplate) -> TemplateCard:
    """Return the card of a prompt template."""
    return TemplateCard(
        id=template.id,
        name=template.name,
        description=template.description,
        text=template.template,
    )


@dataclass(frozen=True, kw_only=True)
class TemplateListPage(FormContext):
    """The variables of the page. `editing_id` is empty in the form of a new template."""

    template = "templates.html"

    notice: Notice | None
    templates: list[TemplateCard]
    older_url: str
    editing_id: str
    form_title: str
