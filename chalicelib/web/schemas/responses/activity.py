"""Response types of the audit log."""

from __future__ import annotations

from typing_extensions import TypedDict

from chalicelib.web.schemas.responses.values import Cursor, Id, Moment


class ActorView(TypedDict):
    id: str
    name: str


class ActivityView(TypedDict):
    id: Id
    at: Moment
    action: str
    objectId: str | None
    objectName: str | None
    partOf: str | None
    fields: list[str]
    actor: ActorView | None
    session: bool
    source: str
    userAgent: str


class ActivityList(TypedDict):
    activity: list[ActivityView]
    nextCursor: Cursor
