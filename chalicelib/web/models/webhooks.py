"""What requests say of webhooks that others are told with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import webhook
from chalicelib.domain.address import LONGEST_URL, checked_url
from chalicelib.domain.notice import Event
from chalicelib.settings import settings
from chalicelib.web.models.types import Model, told


def _target(text: str) -> str:
    return checked_url(webhook.checked_whole(text), settings.allowed_private, "url")


Target = Annotated[str, StringConstraints(max_length=LONGEST_URL), told(_target)]
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
assert {*Event} - {Event.TEST} == set(Told.__args__)  # type: ignore[attr-defined]
Events = Annotated[list[Told], Field(max_length=len(Event))]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]


class WebhookFields(Model):
    url: Target
    events: Events = []
    description: Words = ""
    enabled: Annotated[bool, Field(strict=True)] = True


class WebhookPatch(Model):
    url: Target | None = None
    events: Events | None = None
    description: Words | None = None
    enabled: Annotated[bool, Field(strict=True)] | None = None
