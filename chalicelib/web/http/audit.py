"""Describes a write for the audit log: the action that its route or button states, and its object.

The routes and the dispatcher of pages call this after each successful write, so no view can
forget it. This module is loaded with every cold start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from chalice.app import Request, Response

from chalicelib import wiring
from chalicelib.actions.access import audit_log
from chalicelib.domain.access.audit import AuditAction, RequestOrigin
from chalicelib.domain.access.key import Principal

MAX_FIELDS = 50
MAX_FIELD_LENGTH = 64
RUN_KINDS = ("repo-task", "workflow-run")
"""Types of tasks that are runs: creating one is recorded as a started run."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def action_of_route(
    request: Request, action: str, params: Mapping[str, str], done: Response
) -> AuditAction:
    """Return the record of an API call; a created object is that of the response."""
    kind, _, verb = action.partition(".")
    ids = list(params.values())
    created = _created_object(done) if verb == "create" or not ids else {}
    shown = created or _created_object(done)
    about = created.get("id") or (ids[-1] if ids and verb != "create" else None)
    return AuditAction(
        kind="run" if action == "task.create" and created.get("type") in RUN_KINDS else kind,
        verb=verb,
        object_id=about,
        object_name=shown.get("name") if shown.get("id") in (about, None) else None,
        root_id=ids[0] if ids else None,
        fields=_field_names(request),
    )


_made_here: ContextVar[tuple[str, str] | None] = ContextVar("made", default=None)


def note_created(object_id: str, name: str) -> None:
    """Note the object that a form created, if neither its URL nor its redirect contains the id."""
    _made_here.set((object_id, name))


def forget_created() -> None:
    """Discard the object that an earlier form created."""
    _made_here.set(None)


def action_of_page(
    action: str, params: Mapping[str, str], form: Mapping[str, str], done: Response
) -> AuditAction:
    """Return the record of a submitted form."""
    kind, _, verb = action.partition(".")
    button, _, about = form.get("do", "").partition(":")
    ids = [*params.values(), *([about] if _ID.fullmatch(about) else [])]
    led = _ID.findall(str(done.headers.get("Location") or "")) if verb == "create" else []
    named_by_form = form.get("id") or (form.get("name") if kind == "secret" else None)
    noted_id, name = _made_here.get() or (None, form.get("name") or form.get("repoUrl"))
    object_id = noted_id or (led[-1:] or ids[-1:] or [named_by_form])[0]
    sent = {field for field, text in form.items() if text or verb != "create"}
    return AuditAction(
        kind=kind,
        verb=verb,
        object_id=object_id or None,
        object_name=name or None,
        root_id=ids[0] if ids else None,
        fields=() if button else _within_limits(sent - {"csrf", "id", "do", "back"}),
    )


def record_action(request: Request, audit_action: AuditAction, by: Principal | None) -> None:
    """Record an action with its actor and its source."""
    audit_log.record_action(wiring.get_world(), audit_action, by, origin_of(request))


def origin_of(request: Request) -> RequestOrigin:
    """Return the origin of a request: the address that the gateway saw, which no header changes."""
    identity: Mapping[str, Any] = request.context.get("identity") or {}
    agent = str(request.headers.get("user-agent") or "")
    return RequestOrigin(source=str(identity.get("sourceIp") or "unknown"), agent=agent)


def _created_object(done: Response) -> dict[str, str]:
    """Return the id, name and type of the first object in a response."""
    try:
        body = json.loads(done.body) if done.body else {}
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    things = [value for value in body.values() if isinstance(value, dict)]
    for resource in (
        candidate for candidate in things if candidate.get("id") or candidate.get("name")
    ):
        name = resource.get("name") or resource.get("repoUrl") or resource.get("title")
        facts = {"id": resource.get("id"), "name": name, "type": resource.get("type")}
        return {key: str(text) for key, text in facts.items() if text}
    ids = [str(body[key]) for key in ("runId", "taskId", "firingId") if body.get(key)]
    return {"id": ids[0]} if ids else {}


def _field_names(request: Request) -> tuple[str, ...]:
    try:
        body = json.loads(request.raw_body or b"{}")
    except (ValueError, RecursionError):
        return ()
    return _within_limits(set(body)) if isinstance(body, dict) else ()


def _within_limits(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if len(name) <= MAX_FIELD_LENGTH)[:MAX_FIELDS])
