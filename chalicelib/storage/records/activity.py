"""Tables of audit records and of attempt counters."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.settings import settings
from chalicelib.storage.connection import Row
from chalicelib.storage.records.base import Settled, index

SHOWN = ["data", "actor_id", "action"]


class ActivityOfObject(GlobalSecondaryIndex[Any]):
    Meta = index("of_object", IncludeProjection(SHOWN))
    object_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityBelow(GlobalSecondaryIndex[Any]):
    """Records of the parts of an object."""

    Meta = index("below", IncludeProjection(SHOWN))
    root_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityOfActor(GlobalSecondaryIndex[Any]):
    Meta = index("of_actor", IncludeProjection(["data", "action"]))
    actor_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityOfAction(GlobalSecondaryIndex[Any]):
    Meta = index("of_action", IncludeProjection(["data"]))
    action = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class ActivityRecord(Row):
    class Meta(Settled):
        table_name = settings.table("activity")

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

    class Meta(Settled):
        table_name = settings.table("counters")

    id = UnicodeAttribute(hash_key=True)
    hits = NumberAttribute()
    expires_at = NumberAttribute()
