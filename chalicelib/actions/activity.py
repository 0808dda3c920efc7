"""The audit log: writes a record after each action, and reads pages of records."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict

from chalicelib.domain.access import Principal
from chalicelib.domain.activity import LONGEST_AGENT, LONGEST_NAME, Deed, Entry, Origin
from chalicelib.ports import World

log = logging.getLogger(__name__)


def note(world: World, deed: Deed, by: Principal | None, origin: Origin) -> Entry:
    """Store an audit record and return it.

    A failure does not undo the action, which is already done. In that case the complete record is
    logged as an error and counted for an alarm.
    """
    entry = Entry(
        id=str(uuid.uuid4()),
        at=world.now(),
        action=deed.action,
        object_id=deed.object_id,
        object_name=deed.object_name[:LONGEST_NAME] if deed.object_name else None,
        root_id=deed.root_id if deed.root_id != deed.object_id else None,
        fields=deed.fields,
        actor_id=by.id if by else None,
        actor_name=by.name if by else None,
        session=by.session if by else False,
        source=origin.source,
        agent=origin.agent[:LONGEST_AGENT],
    )
    try:
        world.activity.add(entry)
    except Exception:
        log.exception("audit record not stored", extra={"entry": asdict(entry)})
        world.metrics.activity_lost()
    return entry


def newest(
    world: World,
    *,
    object_id: str | None = None,
    actor_id: str | None = None,
    action: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> tuple[list[Entry], str | None]:
    """Return a page of audit records, newest first, and the position of the next page.

    The records of an object include those of its parts: a blueprint's triggers and runs.
    """
    return world.activity.newest(object_id, actor_id, action, before, limit)
