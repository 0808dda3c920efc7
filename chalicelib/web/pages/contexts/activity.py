"""The variables of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.audit import AuditRecord
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.runs import FilterLink
from chalicelib.web.pages.filters import describe_action

MAX_ID_LENGTH = 18
CHIP_LABELS = {"object": "one object", "actor": "one key"}


@dataclass(frozen=True, kw_only=True)
class ActivityRow:
    """A change with its actor. `object_url` is empty for an object that has no page."""

    actor_id: str | None
    actor_name: str | None
    channel: str
    action: str
    action_label: str
    object_url: str
    object_label: str
    object_id: str | None
    object_name: str
    fields: str
    source: str
    agent: str
    at: datetime


def draw_activity_row(record: AuditRecord, urls: PageUrls) -> ActivityRow:
    """Return the row of a change."""
    label = record.object_name or _short_id(record.object_id or "")
    url, label = _object_link(record, label, urls)
    return ActivityRow(
        actor_id=record.actor_id,
        actor_name=record.actor_name,
        channel="dashboard" if record.session else "API",
        action=record.action,
        action_label=describe_action(record.action),
        object_url=url,
        object_label=label,
        object_id=record.object_id,
        object_name=record.object_name or record.object_id or "",
        fields=", ".join(record.fields),
        source=record.source,
        agent=record.agent,
        at=record.at,
    )


def _object_link(record: AuditRecord, label: str, urls: PageUrls) -> tuple[str, str]:
    """Return the page of the changed object, or of the blueprint that it belongs to."""
    kind = record.action.split(".")[0]
    if kind in ("task", "run") and record.object_id and record.action != "task.remove":
        return urls.link_to("tasks", record.object_id), label
    if kind in ("trigger", "firing") and record.root_id:
        return urls.link_to("tasks", record.root_id), label or "its blueprint"
    if kind == "webhook" and record.object_id and record.action != "webhook.remove":
        return urls.link_to("settings", "webhooks", record.object_id), label
    return "", label


def _short_id(text: str) -> str:
    """Return an id, or its beginning if it is long."""
    return text if len(text) <= MAX_ID_LENGTH else f"{text[:12]}\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, kw_only=True)
class ActivityPage(PageContext):
    """The variables of the audit log."""

    template = "activity.html"

    rows: list[ActivityRow]
    chips: list[FilterLink]
    older_url: str


def list_chips(filters: Mapping[str, str], urls: PageUrls) -> list[FilterLink]:
    """Return a link for each chosen filter, which removes it."""
    return [
        FilterLink(
            url=urls.link_to("activity", **{**filters, name: ""}),
            label=CHIP_LABELS.get(name) or describe_action(text),
        )
        for name, text in filters.items()
        if text
    ]
