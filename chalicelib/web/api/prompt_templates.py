"""Routes of prompt templates."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from chalicelib import wiring
from chalicelib.actions.blueprints import prompt_templates
from chalicelib.actions.firing import preview
from chalicelib.domain.access.key import Scope
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
    query_param,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import firing_views, resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


def _get_template(template_id: str) -> PromptTemplate:
    return configuration.get_template(wiring.get_world(), parse_id("prompt template", template_id))


@routes.add_route(
    "GET", "/api/prompt-templates", scope=Scope.READ, query=("kind", *PAGE_PARAMETERS)
)
def list_templates() -> Answer[responses.PromptTemplateList]:
    """List the prompt templates, newest first."""
    request = routes.current_request
    kind = query_param(request, "kind")
    templates, position = configuration.list_templates(
        wiring.get_world(), page_cursor(request), page_limit(request), kind
    )
    shown = [resource_views.prompt_template_summary(template) for template in templates]
    return json_answer({"promptTemplates": shown, "nextCursor": encode_cursor(position)})


@routes.add_route(
    "POST",
    "/api/prompt-templates",
    scope=Scope.WRITE,
    action="template.create",
    body="NewPromptTemplate",
    status=201,
)
def create_template() -> Answer[responses.PromptTemplateAnswer]:
    """Create a prompt template."""
    request, world = routes.current_request, wiring.get_world()
    template_request = requests.parse_request(requests.NewPromptTemplate, json_body(request))
    now = world.now()
    new = PromptTemplate(
        id=str(uuid.uuid4()), created_at=now, updated_at=now, **template_request.model_dump()
    )
    created = prompt_templates.create_template(world, new, idempotency_claim(request, new.id))
    return json_answer({"promptTemplate": resource_views.prompt_template_view(created)}, 201)


@routes.add_route("GET", "/api/prompt-templates/{template_id}", scope=Scope.READ)
def show_template(template_id: str) -> Answer[responses.PromptTemplateAnswer]:
    """Return a prompt template."""
    return json_answer(
        {"promptTemplate": resource_views.prompt_template_view(_get_template(template_id))}
    )


@routes.add_route(
    "PATCH",
    "/api/prompt-templates/{template_id}",
    scope=Scope.WRITE,
    action="template.update",
    body="NewPromptTemplate",
    partial=True,
)
def edit_template(template_id: str) -> Answer[responses.PromptTemplateAnswer]:
    """Change a prompt template; linked blueprints fire with the new text."""
    was = _get_template(template_id)
    before: Mapping[str, object] = resource_views.prompt_template_view(was)
    fields = [str(field.alias) for field in requests.NewPromptTemplate.model_fields.values()]
    body = json_body(routes.current_request)
    whole = {**{name: before[name] for name in fields}, **body}
    template_request = requests.parse_request(requests.NewPromptTemplate, whole)
    changed = prompt_templates.change_template(
        wiring.get_world(), was, replace(was, **template_request.model_dump())
    )
    return json_answer({"promptTemplate": resource_views.prompt_template_view(changed)})


@routes.add_route(
    "DELETE",
    "/api/prompt-templates/{template_id}",
    scope=Scope.WRITE,
    action="template.remove",
    status=204,
)
def remove_template(template_id: str) -> Answer[None]:
    """Delete a prompt template that no blueprint uses."""
    prompt_templates.remove_template(wiring.get_world(), _get_template(template_id).id)
    return json_answer(None, 204)


@routes.add_route(
    "POST", "/api/prompt-templates/{template_id}/preview", scope=Scope.READ, body="RunRequest"
)
def preview_template(template_id: str) -> Answer[responses.RenderedView]:
    """Render a prompt template with the given params."""
    run_request = requests.parse_request(requests.RunRequest, json_body(routes.current_request))
    text = _get_template(template_id).template
    return json_answer(firing_views.rendered_view(preview.preview_text(text, run_request.params)))
