"""Routes of prompt templates."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from chalicelib import wiring
from chalicelib.actions import library, previewing
from chalicelib.domain.access import Scope
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.web import answers, models, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
    query,
)

routes = Routes(__name__)


def _found(template_id: str) -> PromptTemplate:
    return wiring.world().prompt_templates.get(known_id("prompt template", template_id))


@routes.at("GET", "/api/prompt-templates", needs=Scope.READ, query=("kind", *PAGE))
def index() -> Answer[answers.PromptTemplateList]:
    """List the prompt templates, newest first."""
    request = routes.current_request
    kind, limit = query(request, "kind"), limit_of(request)
    position = cursor_of(request)
    kept: list[PromptTemplate] = []
    while len(kept) < limit:
        asked = limit - len(kept)
        page, position = wiring.world().prompt_templates.newest(position, asked)
        kept += [one for one in page if not kind or one.kind == kind]
        if position is None or len(page) < asked:  # the end, or the most that one response may hold
            break
    shown = [views.prompt_template_summary(one) for one in kept]
    return answer({"promptTemplates": shown, "nextCursor": encode_cursor(position)})


@routes.at(
    "POST", "/api/prompt-templates", needs=Scope.WRITE, takes="NewPromptTemplate", status=201
)
def create() -> Answer[answers.PromptTemplateAnswer]:
    """Create a prompt template."""
    request, world = routes.current_request, wiring.world()
    asked = models.parsed(models.NewPromptTemplate, body_of(request))
    now = world.now()
    new = PromptTemplate(id=str(uuid.uuid4()), created_at=now, updated_at=now, **asked.model_dump())
    kept = library.create(world, new, claim_of(request, new.id))
    return answer({"promptTemplate": views.prompt_template(kept)}, 201)


@routes.at("GET", "/api/prompt-templates/{template_id}", needs=Scope.READ)
def show(template_id: str) -> Answer[answers.PromptTemplateAnswer]:
    """Return a prompt template."""
    return answer({"promptTemplate": views.prompt_template(_found(template_id))})


@routes.at(
    "PATCH",
    "/api/prompt-templates/{template_id}",
    needs=Scope.WRITE,
    takes="NewPromptTemplate",
    partly=True,
)
def edit(template_id: str) -> Answer[answers.PromptTemplateAnswer]:
    """Change a prompt template; linked blueprints fire with the new text."""
    was = _found(template_id)
    before: Mapping[str, object] = views.prompt_template(was)
    fields = [str(field.alias) for field in models.NewPromptTemplate.model_fields.values()]
    body = body_of(routes.current_request)
    whole = {**{name: before[name] for name in fields}, **body}
    asked = models.parsed(models.NewPromptTemplate, whole)
    changed = library.change(wiring.world(), was, replace(was, **asked.model_dump()))
    return answer({"promptTemplate": views.prompt_template(changed)})


@routes.at("DELETE", "/api/prompt-templates/{template_id}", needs=Scope.WRITE, status=204)
def remove(template_id: str) -> Answer[None]:
    """Delete a prompt template that no blueprint uses."""
    library.remove(wiring.world(), _found(template_id).id)
    return answer(None, 204)


@routes.at(
    "POST", "/api/prompt-templates/{template_id}/preview", needs=Scope.READ, takes="RunRequest"
)
def preview(template_id: str) -> Answer[answers.RenderedView]:
    """Render a prompt template with the given params."""
    asked = models.parsed(models.RunRequest, body_of(routes.current_request))
    text = _found(template_id).template
    return answer(views.rendered(previewing.preview_text(text, asked.params)))
