"""The audit log: each change with its actor, time and source."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.access import audit_log
from chalicelib.web.pages.contexts import activity as contexts
from chalicelib.web.pages.request import PageRequest

FILTER_NAMES = ("object", "actor", "action")
PAGE_SIZE = 50


def list_activity(visit: PageRequest) -> Response:
    """List changes, newest first; filters select one object, one key or one action."""
    filters = {name: visit.query_param(name).strip() for name in FILTER_NAMES}
    records, position = audit_log.list_records(
        wiring.get_world(),
        object_id=filters["object"] or None,
        actor_id=filters["actor"] or None,
        action=filters["action"] or None,
        before=visit.list_position,
        limit=PAGE_SIZE,
    )
    return visit.show_page(
        contexts.ActivityPage(
            rows=[contexts.draw_activity_row(record, visit.urls) for record in records],
            chips=contexts.list_chips(filters, visit.urls),
            older_url=visit.link_older(position, "activity", **filters),
        )
    )
