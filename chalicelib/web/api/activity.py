"""Routes of the audit log."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.access import audit_log
from chalicelib.domain.access.audit import AuditRecord
from chalicelib.domain.access.key import Scope
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import PAGE_PARAMETERS, page_cursor, page_limit, query_param
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.schemas import responses

routes = Routes(__name__)


def audit_record_view(entry: AuditRecord) -> responses.ActivityView:
    """Return an entry in the form of the API."""
    return {
        "id": entry.id,
        "at": resource_views.format_optional_moment(entry.at),
        "action": entry.action,
        "objectId": entry.object_id,
        "objectName": entry.object_name,
        "partOf": entry.root_id,
        "fields": list(entry.fields),
        "actor": _actor_view(entry),
        "session": entry.session,
        "source": entry.source,
        "userAgent": entry.agent,
    }


def _actor_view(entry: AuditRecord) -> responses.ActorView | None:
    if entry.actor_id is None:
        return None
    return {"id": entry.actor_id, "name": entry.actor_name or ""}


@routes.add_route(
    "GET", "/api/activity", scope=Scope.ADMIN, query=("object", "actor", "action", *PAGE_PARAMETERS)
)
def list_activity() -> Answer[responses.ActivityList]:
    """List changes, newest first; filters select one object, one API key or one action."""
    request = routes.current_request
    records, position = audit_log.list_records(
        wiring.get_world(),
        object_id=query_param(request, "object") or None,
        actor_id=query_param(request, "actor") or None,
        action=query_param(request, "action") or None,
        before=page_cursor(request),
        limit=page_limit(request),
    )
    return json_answer(
        {
            "activity": [audit_record_view(entry) for entry in records],
            "nextCursor": encode_cursor(position),
        }
    )
