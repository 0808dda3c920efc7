"""The tables and their indexes. What a row means lives in `domain`; rows hold text.

Each row keeps its thing as JSON in `data`, and beside it only what a key, an index or a condition
needs. The tables of the deployed stage are made from these models.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.settings import settings
from chalicelib.storage.connection import Row


class _Meta:
    region = settings.region
    billing_mode = "PAY_PER_REQUEST"


def _index(name: str, projection: Any) -> Any:
    return type("Meta", (), {"index_name": name, "projection": projection})


class TriggerDueIndex(GlobalSecondaryIndex[Any]):
    Meta = _index("due", IncludeProjection(["definition_id"]))
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class TriggerRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("triggers")

    id = UnicodeAttribute(hash_key=True)
    definition_id = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    due = TriggerDueIndex()


class NewestDefinitions(GlobalSecondaryIndex[Any]):
    Meta = _index("newest", KeysOnlyProjection())
    kind = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class BlueprintRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("blueprints")

    id = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    newest = NewestDefinitions()


class FiringsOfDefinition(GlobalSecondaryIndex[Any]):
    Meta = _index("of_definition", IncludeProjection(["data"]))
    definition_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class FiringsOfTrigger(GlobalSecondaryIndex[Any]):
    Meta = _index("of_trigger", IncludeProjection(["data"]))
    trigger_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class FiringRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("firings")

    id = UnicodeAttribute(hash_key=True)
    definition_id = UnicodeAttribute(null=True)
    trigger_id = UnicodeAttribute(null=True)
    age = UnicodeAttribute()
    data = UnicodeAttribute()
    brief = BinaryAttribute(null=True, legacy_encoding=False)
    expires_at = NumberAttribute()
    of_definition = FiringsOfDefinition()
    of_trigger = FiringsOfTrigger()


class RunDueIndex(GlobalSecondaryIndex[Any]):
    Meta = _index("due", KeysOnlyProjection())
    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class WaitingRuns(GlobalSecondaryIndex[Any]):
    Meta = _index("waiting", KeysOnlyProjection())
    waits_in = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class NewestRuns(GlobalSecondaryIndex[Any]):
    Meta = _index("newest", IncludeProjection(["data"]))
    list_shard = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class RunsOfDefinition(GlobalSecondaryIndex[Any]):
    Meta = _index("of_definition", IncludeProjection(["data"]))
    definition_id = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class RunRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("runs")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    state = UnicodeAttribute()
    data = UnicodeAttribute()
    history = UnicodeAttribute()
    list_shard = UnicodeAttribute()
    age = UnicodeAttribute()
    definition_id = UnicodeAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    waits_in = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    due = RunDueIndex()
    waiting = WaitingRuns()
    newest = NewestRuns()
    of_definition = RunsOfDefinition()


class HookRecord(Row):
    """Who listens at a path, found by the path itself."""

    class Meta(_Meta):
        table_name = settings.table("hooks")

    id = UnicodeAttribute(hash_key=True)
    trigger_id = UnicodeAttribute()
    definition_id = UnicodeAttribute()
    template_id = UnicodeAttribute(null=True)


class NewestTemplates(GlobalSecondaryIndex[Any]):
    Meta = _index("newest", IncludeProjection(["data"]))
    library = UnicodeAttribute(hash_key=True)
    age = UnicodeAttribute(range_key=True)


class TemplateRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("templates")

    id = UnicodeAttribute(hash_key=True)
    library = UnicodeAttribute()
    age = UnicodeAttribute()
    version = NumberAttribute()
    data = UnicodeAttribute()
    links = UnicodeSetAttribute(null=True)
    newest = NewestTemplates()


class SlotRecord(Row):
    """A counter of working runs: it holds their ids, so that a lost one can be told."""

    class Meta(_Meta):
        table_name = settings.table("slots")

    id = UnicodeAttribute(hash_key=True)
    held = UnicodeSetAttribute(null=True)
    waiting = UnicodeSetAttribute(null=True)


class ClaimRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("claims")

    id = UnicodeAttribute(hash_key=True)
    digest = UnicodeAttribute()
    result = UnicodeAttribute()
    expires_at = NumberAttribute(null=True)


class PulseRecord(Row):
    """When something that comes again and again came last."""

    class Meta(_Meta):
        table_name = settings.table("pulses")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()


class RepoRecord(Row):
    class Meta(_Meta):
        table_name = settings.table("repos")

    id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    data = UnicodeAttribute()


class SecretRecord(Row):
    """That a secret is there; its value is not."""

    class Meta(_Meta):
        table_name = settings.table("secrets")

    id = UnicodeAttribute(hash_key=True)
    data = UnicodeAttribute()


class KeyRecord(Row):
    """An API key, found by the SHA-256 of its token; the token itself is nowhere."""

    class Meta(_Meta):
        table_name = settings.table("keys")

    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    created_at = UnicodeAttribute()


TABLES: tuple[type[Row], ...] = (
    BlueprintRecord,
    TriggerRecord,
    FiringRecord,
    RunRecord,
    HookRecord,
    TemplateRecord,
    PulseRecord,
    SlotRecord,
    ClaimRecord,
    RepoRecord,
    SecretRecord,
    KeyRecord,
)
