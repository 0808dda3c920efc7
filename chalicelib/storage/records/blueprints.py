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
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.base import TableMeta, index_meta


class NewestBlueprints(GlobalSecondaryIndex[Any]):
    Meta = index_meta("newest", KeysOnlyProjection())
    kind = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class BlueprintRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("blueprints")

    id = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    newest = NewestBlueprints()


class TriggerDueIndex(GlobalSecondaryIndex[Any]):
    Meta = index_meta("due", IncludeProjection(["definition_id"]))
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class TriggersOfSource(GlobalSecondaryIndex[Any]):
    """Triggers that wait for the tickets of a source.

    Only ticket triggers have one, so firing a schedule never writes it.
    """

    Meta = index_meta("of_source", IncludeProjection(["definition_id"]))
    source = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class TriggerRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("triggers")

    id = UnicodeAttribute(hash_key=True)
    blueprint_id = UnicodeAttribute(attr_name="definition_id")
    version = NumberAttribute()
    data = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)
    due = TriggerDueIndex()
    of_source = TriggersOfSource()


class WebhookListenerRecord(Row):
    """The trigger of a webhook path; its key is the path itself."""

    class Meta(TableMeta):
        table_name = settings.table_name("hooks")

    id = UnicodeAttribute(hash_key=True)
    trigger_id = UnicodeAttribute()
    blueprint_id = UnicodeAttribute(attr_name="definition_id")
    template_id = UnicodeAttribute(null=True)


class NewestTemplates(GlobalSecondaryIndex[Any]):
    Meta = index_meta("newest", IncludeProjection(["data"]))
    library = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class TemplateRecord(Row):
    class Meta(TableMeta):
        table_name = settings.table_name("templates")

    id = UnicodeAttribute(hash_key=True)
    library = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    links = UnicodeSetAttribute(null=True)
    newest = NewestTemplates()
