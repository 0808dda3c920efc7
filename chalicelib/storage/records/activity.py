"""Tables of audit records and of attempt counters."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta

PROJECTED_FIELDS = ["data", "actor_id", "action"]


class ActivityOfObject(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_object", IncludeProjection(PROJECTED_FIELDS))
    object_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityBelow(GlobalSecondaryIndex[Any]):
    """Records of the parts of an object."""

    Meta = index_meta("below", IncludeProjection(PROJECTED_FIELDS))
    root_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityOfActor(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_actor", IncludeProjection(["data", "action"]))
    actor_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityOfAction(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_action", IncludeProjection(["data"]))
    action = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("activity")

    library = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)
    data = UnicodeAttribute()
    object_id = UnicodeAttribute(null=True)
    root_id = UnicodeAttribute(null=True)
    actor_id = UnicodeAttribute(null=True)
    action = UnicodeAttribute()
    expires_at = NumberAttribute()
    of_object = ActivityOfObject()
    below = ActivityBelow()
    of_actor = ActivityOfActor()
    of_action = ActivityOfAction()


class CounterRecord(Row):
    """The number of attempts within a time window."""

    class Meta(TableMeta):
        table_name = settings.table_name("counters")

    id = UnicodeAttribute(hash_key=True)
    hits = NumberAttribute()
    expires_at = NumberAttribute()
