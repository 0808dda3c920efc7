"""The record of who did what: written after each deed, and read by what is asked."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict

from chalicelib.domain.access import Principal
from chalicelib.domain.activity import LONGEST_AGENT, LONGEST_NAME, Deed, Entry, Origin
from chalicelib.ports import World

log = logging.getLogger(__name__)


def note(world: World, deed: Deed, by: Principal | None, origin: Origin) -> Entry:
    """Keep who did what. The deed is done, so a record that cannot be kept does not undo it.

    It is said as loudly as can be then: whole, in the log, and counted for an alarm.
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
        log.exception("activity not kept", extra={"entry": asdict(entry)})
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
    """Return a page of what was done, the newest first, and where the next one begins.

    What belongs to an object is told with it: the triggers and runs of a definition.
    """
    return world.activity.newest(object_id, actor_id, action, before, limit)
