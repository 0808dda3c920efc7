"""Request models of webhook endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.domain import limits, webhook
from chalicelib.domain.address import checked_url
from chalicelib.domain.notice import Event
from chalicelib.settings import settings
from chalicelib.web.models.types import STRIPPED, Flag, Model, called, shown, text, told


def _target(text: str) -> str:
    return checked_url(webhook.checked_whole(text), settings.allowed_private, "url")


Target = Annotated[str, text(limits.URL), told(_target), called("public-url")]
Told = Literal[
    "task.completed",
    "task.failed",
    "task.needs_attention",
    "task.pr_opened",
    "trigger.skipped",
    "trigger.missed",
    "trigger.failed",
    "definition.paused",
]
Events = Annotated[list[Told], Field(max_length=len(Event))]
Words = Annotated[str, text(limits.DESCRIPTION), STRIPPED]


class WebhookFields(Model):
    model_config = shown({"url": "https://hooks.example.com/optio", "events": ["task.failed"]})
    url: Target
    events: Events = []
    description: Words = ""
    enabled: Flag = True


class WebhookPatch(Model):
    model_config = shown({"enabled": False})
    url: Target | None = None
    events: Events | None = None
    description: Words | None = None
    enabled: Flag | None = None
