"""Tables of runs and their slot counters."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.settings import settings
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class RunDueIndex(GlobalSecondaryIndex[Any]):
    Meta = index_meta("due", KeysOnlyProjection())
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class WaitingRuns(GlobalSecondaryIndex[Any]):
    Meta = index_meta("waiting", KeysOnlyProjection())
    waits_in = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class NewestRuns(GlobalSecondaryIndex[Any]):
    Meta = index_meta("newest", IncludeProjection(["data"]))
    list_shard = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class RunsOfBlueprint(GlobalSecondaryIndex[Any]):
    Meta = index_meta("of_definition", IncludeProjection(["data"]))
    blueprint_id = UnicodeAttribute(hash_key=True, attr_name="definition_id")
    age = UnicodeAttribute(range_key=True)


class RunsInState(GlobalSecondaryIndex[Any]):
    """A sparse index: a run enters with its first change, so that firing does not pay for it."""

    Meta = index_meta("in_state", KeysOnlyProjection())
    in_state = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class RunsOfRepo(GlobalSecondaryIndex[Any]):
    """A sparse index, for the same reason."""

    Meta = index_meta("of_repo", KeysOnlyProjection())
    of_repo_url = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class RunRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("runs")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    state = UnicodeAttribute()
    data = UnicodeAttribute()
    history = UnicodeAttribute()
    list_shard = UnicodeAttribute()
    age = UnicodeAttribute()
    blueprint_id = UnicodeAttribute(null=True, attr_name="definition_id")
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    waits_in = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    in_state = UnicodeAttribute(null=True)
    of_repo_url = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    due = RunDueIndex()
    waiting = WaitingRuns()
    newest = NewestRuns()
    of_blueprint = RunsOfBlueprint()
    by_state = RunsInState()
    by_repo = RunsOfRepo()


class StageQueue(GlobalSecondaryIndex[Any]):
    """The queues that wait for a slot of the stage, by the rank of their most urgent run."""

    Meta = index_meta("stage_queue", KeysOnlyProjection())
    waits_for = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class SlotRecord(Row):
    """A counter of runs that hold slots; it stores their ids, so that lost slots can be detected.

    A row may instead represent a queue that waits for a stage slot, one row for each queue, or a
    gate of a blueprint, with its version.
    """

    class Meta(TableMeta):
        table_name = settings.table_name("slots")

    id = UnicodeAttribute(hash_key=True)
    held = UnicodeSetAttribute(null=True)
    waits_for = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    stage_queue = StageQueue()
