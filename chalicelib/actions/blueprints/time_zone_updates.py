"""Corrects stored fire times after a new release of the time zone data.

A next fire time is stored as an instant, computed with the data of that day. The first ticks with
new data read each shard of the due index once, and move the schedules whose instant has changed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.actions import due_messages
from chalicelib.domain.errors import Invalid, NotFound, Superseded
from chalicelib.domain.ids import TriggerId
from chalicelib.domain.triggers.time_zones import DATA_VERSION
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World

log = logging.getLogger(__name__)
MAX_DURATION = timedelta(seconds=10)
"""The time limit of one tick's share; the next tick reads an unfinished shard again."""
_FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)


def correct_next_times(world: World, version: str = DATA_VERSION) -> int:
    """Move each schedule to its fire time by this data, once per version; return their number."""
    finished = f"zones {version}"
    if world.markers.last_time(finished):
        return 0
    start, corrected = world.now(), 0
    for shard in range(world.triggers.due_shards()):
        if world.markers.last_time(f"{finished} shard {shard}"):
            continue
        for row in world.triggers.iter_due(_FAR_FUTURE, shard):
            if world.now() - start > MAX_DURATION:
                return corrected
            corrected += _correct_trigger(world, TriggerId(row.id))
        world.markers.record_time(f"{finished} shard {shard}", world.now())
    world.markers.record_time(finished, world.now())
    return corrected


def _correct_trigger(world: World, trigger_id: TriggerId) -> bool:
    """Store the corrected time of a trigger that is not due yet; return whether it moved."""
    try:
        was = world.triggers.get(trigger_id)
        new = was.with_corrected_time()
    except NotFound:
        return False  # deleted; the index is updated late
    except Invalid as error:
        # It is disabled with this reason when it becomes due.
        log.warning("schedule not computed", extra={"trigger": trigger_id, "error": str(error)})
        return False
    if new == was or was.due_at is None or was.due_at <= world.now():
        return False
    new = replace(as_next_version(new, was), updated_at=world.now())
    try:
        world.triggers.save_progress(new, was)
    except Superseded:
        return False  # the other writer used the same data
    log.info("next time corrected", extra={"trigger": was.id, "zone_data": DATA_VERSION})
    due_messages.enqueue_if_due_soon(world, [new])
    return True
