"""Request models. One response reports every fault of a request."""

from __future__ import annotations

from chalicelib.web.schemas.requests.checks import Checks
from chalicelib.web.schemas.requests.configuration import (
    NewKey,
    NewPromptTemplate,
    NewRepo,
    RepoFields,
    SecretValue,
)
from chalicelib.web.schemas.requests.cross_field_rules import faults_of_check
from chalicelib.web.schemas.requests.fields import IGNORED_FIELDS, Model
from chalicelib.web.schemas.requests.legacy import JobFields, NewJob, NewTaskConfig
from chalicelib.web.schemas.requests.parsing import parse_request
from chalicelib.web.schemas.requests.tasks import (
    Definition,
    NewTask,
    PreviewRequest,
    ResumeRequest,
    RunRequest,
)
from chalicelib.web.schemas.requests.tickets import NewProvider, ProviderPatch
from chalicelib.web.schemas.requests.triggers import (
    AnyTrigger,
    HookConfig,
    NewTrigger,
    ScheduleConfig,
    TicketConfig,
    TriggerPatch,
)
from chalicelib.web.schemas.requests.webhooks import WebhookFields, WebhookPatch

__all__ = [
    "IGNORED_FIELDS",
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
    "faults_of_check",
    "parse_request",
]
