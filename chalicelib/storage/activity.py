"""The audit log in DynamoDB: one list, and an index for each filter."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from chalicelib.domain.access.audit import AuditRecord
from chalicelib.domain.page import Cursor, Page, list_position
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.records import ActivityRecord

ACTIVITY_LIST = "activity"


class DynamoActivity:
    """The store of audit records."""

    def add(self, entry: AuditRecord) -> None:
        _to_record(entry).save()

    def list_newest(
        self,
        object_id: str | None,
        actor_id: str | None,
        action: str | None,
        before: Cursor | None,
        limit: int,
    ) -> Page[AuditRecord]:
        rows = _query_rows(object_id, actor_id, action, before, limit + 1)
        return pagination.load_page(AuditRecord, rows, limit)


def _to_record(entry: AuditRecord) -> ActivityRecord:
    return ActivityRecord(
        library=ACTIVITY_LIST,
        age=list_position(entry.at, entry.id),
        data=codec.dump_json(entry),
        object_id=entry.object_id,
        root_id=entry.root_id,
        actor_id=entry.actor_id,
        action=entry.action,
        expires_at=int((entry.at + settings.retention).timestamp()),
    )


def _query_rows(
    object_id: str | None,
    actor_id: str | None,
    action: str | None,
    before: Cursor | None,
    limit: int,
) -> list[Any]:
    """Query the index of the most selective filter; other filters are conditions on its rows."""
    by_actor = [ActivityRecord.actor_id == actor_id] if actor_id else []
    by_action = [ActivityRecord.action == action] if action else []
    if object_id:
        conditions = _all_conditions([*by_actor, *by_action])
        conditions_found = [
            row
            for index in (ActivityRecord.of_object, ActivityRecord.below)
            for row in pagination.query_newest(index, object_id, before, limit, conditions)
        ]
        return sorted(conditions_found, key=lambda row: str(row.age), reverse=True)
    if actor_id:
        return pagination.query_newest(
            ActivityRecord.of_actor, actor_id, before, limit, _all_conditions(by_action)
        )
    if action:
        return pagination.query_newest(ActivityRecord.of_action, action, before, limit)
    return pagination.query_newest(ActivityRecord, ACTIVITY_LIST, before, limit)


def _all_conditions(conditions: list[Any]) -> Any:
    """Return the conjunction of all conditions, None if there are none."""
    return reduce(and_, conditions) if conditions else None
