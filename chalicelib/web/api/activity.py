"""Routes of the audit log."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import activity
from chalicelib.domain.access import Scope
from chalicelib.domain.activity import Entry
from chalicelib.web import answers, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import PAGE, Answer, Routes, answer, cursor_of, limit_of, query

routes = Routes(__name__)


def view(entry: Entry) -> answers.ActivityView:
    """Return an entry in the form of the API."""
    return {
        "id": entry.id,
        "at": views.moment(entry.at),
        "action": entry.action,
        "objectId": entry.object_id,
        "objectName": entry.object_name,
        "partOf": entry.root_id,
        "fields": list(entry.fields),
        "actor": _actor(entry),
        "session": entry.session,
        "source": entry.source,
        "userAgent": entry.agent,
    }


def _actor(entry: Entry) -> answers.ActorView | None:
    if entry.actor_id is None:
        return None
    return {"id": entry.actor_id, "name": entry.actor_name or ""}


@routes.at("GET", "/api/activity", needs=Scope.ADMIN, query=("object", "actor", "action", *PAGE))
def index() -> Answer[answers.ActivityList]:
    """List changes, newest first; filters select one object, one API key or one action."""
    request = routes.current_request
    found, position = activity.newest(
        wiring.world(),
        object_id=query(request, "object") or None,
        actor_id=query(request, "actor") or None,
        action=query(request, "action") or None,
        before=cursor_of(request),
        limit=limit_of(request),
    )
    return answer(
        {"activity": [view(entry) for entry in found], "nextCursor": encode_cursor(position)}
    )
