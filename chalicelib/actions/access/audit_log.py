"""The audit log: writes a record after each action, and reads pages of records."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict

from chalicelib.domain.access.audit import (
    MAX_OBJECT_NAME_LENGTH,
    MAX_USER_AGENT_LENGTH,
    AuditAction,
    AuditRecord,
    RequestOrigin,
)
from chalicelib.domain.access.key import Principal
from chalicelib.domain.page import Cursor, Page
from chalicelib.ports import World

log = logging.getLogger(__name__)


def record_action(
    world: World, action: AuditAction, by: Principal | None, origin: RequestOrigin
) -> AuditRecord:
    """Store an audit record and return it.

    A failure does not undo the action, which is already done. In that case the complete record is
    logged as an error and counted for an alarm.
    """
    entry = AuditRecord(
        id=str(uuid.uuid4()),
        at=world.now(),
        action=action.qualified_name,
        object_id=action.object_id,
        object_name=action.object_name[:MAX_OBJECT_NAME_LENGTH] if action.object_name else None,
        root_id=action.root_id if action.root_id != action.object_id else None,
        fields=action.fields,
        actor_id=by.id if by else None,
        actor_name=by.name if by else None,
        session=by.session if by else False,
        source=origin.source,
        agent=origin.agent[:MAX_USER_AGENT_LENGTH],
    )
    try:
        world.activity.add(entry)
    except Exception:
        log.exception("audit record not stored", extra={"entry": asdict(entry)})
        world.metrics.count_lost_activity()
    return entry


def list_records(
    world: World,
    *,
    object_id: str | None = None,
    actor_id: str | None = None,
    action: str | None = None,
    before: Cursor | None = None,
    limit: int = 50,
) -> Page[AuditRecord]:
    """Return a page of audit records, newest first, and the position of the next page.

    The records of an object include those of its parts: a blueprint's triggers and runs.
    """
    return world.activity.list_newest(object_id, actor_id, action, before, limit)
