"""The audit log: each change with its actor, time and source."""

from __future__ import annotations

from urllib.parse import urlencode

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import activity
from chalicelib.web.pages.visit import Visit

FILTERS = ("object", "actor", "action")
PAGE = 50


def index(visit: Visit) -> Response:
    """List changes, newest first; filters select one object, one key or one action."""
    asked = {name: visit.query(name).strip() for name in FILTERS}
    found, position = activity.newest(
        wiring.world(),
        object_id=asked["object"] or None,
        actor_id=asked["actor"] or None,
        action=asked["action"] or None,
        before=visit.position,
        limit=PAGE,
    )
    return visit.page(
        "activity.html",
        found=found,
        asked=asked,
        position=position,
        again=urlencode({name: text for name, text in asked.items() if text}),
    )
