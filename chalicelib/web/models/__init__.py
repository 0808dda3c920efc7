"""What requests may say. Every fault of a request comes back in one answer."""

from __future__ import annotations

from chalicelib.web.models.parsing import parsed
from chalicelib.web.models.settled import (
    NewKey,
    NewPromptTemplate,
    NewRepo,
    RepoFields,
    SecretValue,
)
from chalicelib.web.models.tasks import (
    Definition,
    NewTask,
    PreviewRequest,
    ResumeRequest,
    RunRequest,
)
from chalicelib.web.models.tickets import NewProvider, ProviderPatch
from chalicelib.web.models.triggers import (
    AnyTrigger,
    HookConfig,
    NewTrigger,
    ScheduleConfig,
    TicketConfig,
    TriggerPatch,
)
from chalicelib.web.models.types import MEANINGLESS, Model
from chalicelib.web.models.webhooks import WebhookFields, WebhookPatch

__all__ = [
    "MEANINGLESS",
    "AnyTrigger",
    "Definition",
    "HookConfig",
    "Model",
    "NewKey",
    "NewPromptTemplate",
    "NewProvider",
    "NewRepo",
    "NewTask",
    "NewTrigger",
    "PreviewRequest",
    "ProviderPatch",
    "RepoFields",
    "ResumeRequest",
    "RunRequest",
    "ScheduleConfig",
    "SecretValue",
    "TicketConfig",
    "TriggerPatch",
    "WebhookFields",
    "WebhookPatch",
    "parsed",
]
