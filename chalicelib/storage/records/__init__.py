"""Tables and their indexes. The meaning of rows is defined in `domain`; rows contain text.

Each row stores its object as JSON in `data`, and beside it only the attributes of keys, indexes and
conditions. The tables of a deployed stage are created from these models.
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
