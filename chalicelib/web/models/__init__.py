"""Request models. One response reports every fault of a request."""

from __future__ import annotations

from chalicelib.web.models.checks import Checks
from chalicelib.web.models.legacy import JobFields, NewJob, NewTaskConfig
from chalicelib.web.models.parsing import parsed
from chalicelib.web.models.rules import said_by
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
    "Checks",
    "Definition",
    "HookConfig",
    "JobFields",
    "Model",
    "NewJob",
    "NewKey",
    "NewPromptTemplate",
    "NewProvider",
    "NewRepo",
    "NewTask",
    "NewTaskConfig",
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
    "said_by",
]
