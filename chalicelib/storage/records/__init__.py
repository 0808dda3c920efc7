"""The tables and their indexes. What a row means lives in `domain`; rows hold text.

Each row keeps its thing as JSON in `data`, and beside it only what a key, an index or a condition
needs. The tables of the deployed stage are made from these models.
"""

from __future__ import annotations

from chalicelib.storage.connection import Row
from chalicelib.storage.records.activity import ActivityRecord, CounterRecord
from chalicelib.storage.records.definitions import (
    BlueprintRecord,
    HookRecord,
    TemplateRecord,
    TriggerRecord,
)
from chalicelib.storage.records.firings import (
    ClaimRecord,
    FiringRecord,
)
from chalicelib.storage.records.providers import ProviderRecord
from chalicelib.storage.records.runs import (
    RunRecord,
    SlotRecord,
)
from chalicelib.storage.records.settled import (
    KeyRecord,
    PulseRecord,
    RepoRecord,
    SecretRecord,
)
from chalicelib.storage.records.webhooks import DeliveryRecord, WebhookRecord

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
    ProviderRecord,
    WebhookRecord,
    DeliveryRecord,
    ActivityRecord,
    CounterRecord,
)

__all__ = [
    "TABLES",
    "ActivityRecord",
    "BlueprintRecord",
    "ClaimRecord",
    "CounterRecord",
    "DeliveryRecord",
    "FiringRecord",
    "HookRecord",
    "KeyRecord",
    "ProviderRecord",
    "PulseRecord",
    "RepoRecord",
    "RunRecord",
    "SecretRecord",
    "SlotRecord",
    "TemplateRecord",
    "TriggerRecord",
    "WebhookRecord",
]
