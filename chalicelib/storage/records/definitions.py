"""Tables of blueprints, their triggers, and prompt templates."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.settings import settings
from chalicelib.storage.connection import Row
from chalicelib.storage.records.base import Settled, index


class NewestDefinitions(GlobalSecondaryIndex[Any]):
    Meta = index("newest", KeysOnlyProjection())
    kind = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class BlueprintRecord(Row):
    class Meta(Settled):
        table_name = settings.table("blueprints")

    id = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    newest = NewestDefinitions()


class TriggerDueIndex(GlobalSecondaryIndex[Any]):
    Meta = index("due", IncludeProjection(["definition_id"]))
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class TriggersOfSource(GlobalSecondaryIndex[Any]):
    """Triggers that wait for the tickets of a source.

    Only ticket triggers have one, so firing a schedule never writes it.
    """

    Meta = index("of_source", IncludeProjection(["definition_id"]))
    source = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class TriggerRecord(Row):
    class Meta(Settled):
        table_name = settings.table("triggers")

    id = UnicodeAttribute(hash_key=True)
    definition_id = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)
    due = TriggerDueIndex()
    of_source = TriggersOfSource()


class HookRecord(Row):
    """The trigger of a webhook path; its key is the path itself."""

    class Meta(Settled):
        table_name = settings.table("hooks")

    id = UnicodeAttribute(hash_key=True)
    trigger_id = UnicodeAttribute()
    definition_id = UnicodeAttribute()
    template_id = UnicodeAttribute(null=True)


class NewestTemplates(GlobalSecondaryIndex[Any]):
    Meta = index("newest", IncludeProjection(["data"]))
    library = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class TemplateRecord(Row):
    class Meta(Settled):
        table_name = settings.table("templates")

    id = UnicodeAttribute(hash_key=True)
    library = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    links = UnicodeSetAttribute(null=True)
    newest = NewestTemplates()
