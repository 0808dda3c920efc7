"""What requests say of triggers."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import cron, limits, schedule
from chalicelib.web.models.types import (
    EventName,
    Mapping,
    Model,
    Moment,
    Params,
    Query,
    Secret,
    Secrets,
    Signature,
    called,
    shown,
    text,
    told,
)

Label = Annotated[str, text(limits.LABEL, 1, stripped=True)]


class ScheduleConfig(Model):
    cron_expression: Annotated[str, text(limits.CRON), told(cron.parse_cron), called("cron")]
    timezone: Annotated[str, text(limits.ZONE), told(schedule.parse_zone), called("time-zone")] = (
        "UTC"
    )
    overlap_policy: Literal["allow", "skip", "buffer_one", "cancel_other"] = "allow"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, Field(ge=0, le=3600, strict=True)] = 0
    start_at: Moment | None = None
    end_at: Moment | None = None


class ScheduleTrigger(Model):
    model_config = shown({"type": "schedule", "config": {"cronExpression": "0 9 * * mon"}})
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: Params | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


HookPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$", max_length=limits.HOOK_PATH)
]


class HookConfig(Model):
    path: HookPath
    secret: Secret | Secrets | None = None
    signature: Signature = "optio"
    filter: Query | None = None
    events: Annotated[list[EventName], Field(max_length=limits.EVENTS)] = []

    @property
    def secrets(self) -> list[str]:
        """The secrets that it names, none where it leaves them alone."""
        if self.secret is None:
            return []
        return [self.secret] if isinstance(self.secret, str) else self.secret


class WebhookTrigger(Model):
    model_config = shown({"type": "webhook", "config": {"path": "deploys-of-acme"}})
    type: Literal["webhook"]
    config: HookConfig
    param_mapping: Mapping | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class TicketConfig(Model):
    source: Literal["github", "linear", "jira", "notion"]
    labels: Annotated[list[Label], Field(max_length=limits.LABELS)] = []
    provider_id: uuid.UUID | None = None
    include_backlog: Annotated[bool, Field(strict=True)] = False
    refire: Annotated[bool, Field(strict=True)] = False


class TicketTrigger(Model):
    model_config = shown({"type": "ticket", "config": {"source": "github", "labels": ["agent"]}})
    type: Literal["ticket"]
    config: TicketConfig
    param_mapping: Mapping | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    model_config = shown({"type": "manual"})
    type: Literal["manual"]
    config: NoConfig = NoConfig()
    param_mapping: Params | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


AnyTrigger = Annotated[
    ScheduleTrigger | WebhookTrigger | TicketTrigger | ManualTrigger, Field(discriminator="type")
]


class NewTrigger(Model):
    """A wrapper, so that each kind of trigger is told by its `type`."""

    trigger: AnyTrigger


class TriggerPatch(Model):
    model_config = shown({"enabled": False})
    config: Params | None = None
    param_mapping: Params | None = None
    enabled: Annotated[bool, Field(strict=True)] = True
