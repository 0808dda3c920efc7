"""Tables and their indexes. The meaning of rows is defined in `domain`; rows contain text.

Each row stores its object as JSON in `data`, and beside it only the attributes of keys, indexes and
conditions. The tables of a deployed stage are created from these models.
"""

from __future__ import annotations

from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.records.activity import ActivityRecord, CounterRecord
from chalicelib.storage.records.blueprints import (
    BlueprintRecord,
    TemplateRecord,
    TriggerRecord,
    WebhookListenerRecord,
)
from chalicelib.storage.records.configuration import (
    KeyRecord,
    MarkerRecord,
    RepoRecord,
    SecretRecord,
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
from chalicelib.storage.records.webhooks import DeliveryRecord, WebhookEndpointRecord

TABLE_RECORDS: tuple[type[Row], ...] = (
    BlueprintRecord,
    TriggerRecord,
    FiringRecord,
    RunRecord,
    WebhookListenerRecord,
    TemplateRecord,
    MarkerRecord,
    SlotRecord,
    ClaimRecord,
    RepoRecord,
    SecretRecord,
    KeyRecord,
    ProviderRecord,
    WebhookEndpointRecord,
    DeliveryRecord,
    ActivityRecord,
    CounterRecord,
)

__all__ = [
    "TABLE_RECORDS",
    "ActivityRecord",
    "BlueprintRecord",
    "ClaimRecord",
    "CounterRecord",
    "DeliveryRecord",
    "FiringRecord",
    "KeyRecord",
    "MarkerRecord",
    "ProviderRecord",
    "RepoRecord",
    "RunRecord",
    "SecretRecord",
    "SlotRecord",
    "TemplateRecord",
    "TriggerRecord",
    "WebhookEndpointRecord",
    "WebhookListenerRecord",
]
