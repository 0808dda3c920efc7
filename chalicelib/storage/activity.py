"""The audit log in DynamoDB: one list, and an index for each filter."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from chalicelib.domain.activity import Entry
from chalicelib.settings import settings
from chalicelib.storage import codec, pages
from chalicelib.storage.records import ActivityRecord

ALL = "activity"


class DynamoActivity:
    """The store of audit records."""

    def add(self, entry: Entry) -> None:
        ActivityRecord(
            library=ALL,
            age=codec.age(entry.at, entry.id),
            data=codec.dump(entry),
            object_id=entry.object_id,
            root_id=entry.root_id,
            actor_id=entry.actor_id,
            action=entry.action,
            expires_at=int((entry.at + settings.retention).timestamp()),
        ).save()

    def newest(
        self,
        object_id: str | None,
        actor_id: str | None,
        action: str | None,
        before: str | None,
        limit: int,
    ) -> tuple[list[Entry], str | None]:
        rows = _rows(object_id, actor_id, action, before, limit + 1)
        return pages.things(Entry, rows, limit)


def _rows(
    object_id: str | None, actor_id: str | None, action: str | None, before: str | None, limit: int
) -> list[Any]:
    """Query the index of the most selective filter; other filters are conditions on its rows."""
    by_actor = [ActivityRecord.actor_id == actor_id] if actor_id else []
    by_action = [ActivityRecord.action == action] if action else []
    if object_id:
        wanted = _all([*by_actor, *by_action])
        found = [
            row
            for index in (ActivityRecord.of_object, ActivityRecord.below)
            for row in pages.newest(index, object_id, before, limit, wanted)
        ]
        return sorted(found, key=lambda row: str(row.age), reverse=True)
    if actor_id:
        return pages.newest(ActivityRecord.of_actor, actor_id, before, limit, _all(by_action))
    if action:
        return pages.newest(ActivityRecord.of_action, action, before, limit)
    return pages.newest(ActivityRecord, ALL, before, limit)


def _all(conditions: list[Any]) -> Any:
    """Return the conjunction of all conditions, None if there are none."""
    return reduce(and_, conditions) if conditions else None
