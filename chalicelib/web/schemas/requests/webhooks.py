"""Request models of webhook endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.domain.egress import checked_url
from chalicelib.domain.notifications import endpoint
from chalicelib.domain.notifications.notification import Event
from chalicelib.settings import settings
from chalicelib.web.schemas.requests.fields import (
    STRIP_TEXT,
    Flag,
    Model,
    domain_check,
    openapi_format,
    schema_extra,
    str_length,
)


def _check_target(text: str) -> str:
    return checked_url(endpoint.check_complete_url(text), settings.allowed_private, "url")


TargetUrl = Annotated[
    str,
    str_length(limits.MAX_URL_LENGTH),
    domain_check(_check_target),
    openapi_format("public-url"),
]
EventName = Literal[
    "task.completed",
    "task.failed",
    "task.needs_attention",
    "task.pr_opened",
    "trigger.skipped",
    "trigger.missed",
    "trigger.failed",
    "definition.paused",
]
Events = Annotated[list[EventName], Field(max_length=len(Event))]
EndpointDescription = Annotated[str, str_length(limits.MAX_DESCRIPTION_LENGTH), STRIP_TEXT]


class WebhookFields(Model):
    model_config = schema_extra(
        {"url": "https://hooks.example.com/optio", "events": ["task.failed"]}
    )
    url: TargetUrl
    events: Events = []
    description: EndpointDescription = ""
    enabled: Flag = True


class WebhookPatch(Model):
    model_config = schema_extra({"enabled": False})
    url: TargetUrl | None = None
    events: Events | None = None
    description: EndpointDescription | None = None
    enabled: Flag | None = None
