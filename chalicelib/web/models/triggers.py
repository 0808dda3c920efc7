"""What requests say of triggers."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import cron, schedule
from chalicelib.web.models.types import (
    EventName,
    Model,
    Path,
    Query,
    Secret,
    Secrets,
    Signature,
    told,
)

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ScheduleConfig(Model):
    cron_expression: Annotated[str, StringConstraints(max_length=256), told(cron.parse_cron)]
    timezone: Annotated[str, StringConstraints(max_length=64), told(schedule.parse_zone)] = "UTC"
    overlap_policy: Literal["allow", "skip", "buffer_one", "cancel_other"] = "allow"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, Field(ge=0, le=3600, strict=True)] = 0
    start_at: datetime | None = None
    end_at: datetime | None = None


class ScheduleTrigger(Model):
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class HookConfig(Model):
    path: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
    secret: Secret | Secrets | None = None
    signature: Signature = "optio"
    filter: Query | None = None
    events: Annotated[list[EventName], Field(max_length=100)] = []

    @property
    def secrets(self) -> list[str]:
        """The secrets that it names, none where it leaves them alone."""
        if self.secret is None:
            return []
        return [self.secret] if isinstance(self.secret, str) else self.secret


class WebhookTrigger(Model):
    type: Literal["webhook"]
    config: HookConfig
    param_mapping: Annotated[dict[str, Path], Field(max_length=100)] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class TicketConfig(Model):
    source: Literal["github", "linear", "jira", "notion"]
    labels: Annotated[list[Label], Field(max_length=50)] = []
    provider_id: uuid.UUID | None = None
    include_backlog: Annotated[bool, Field(strict=True)] = False
    refire: Annotated[bool, Field(strict=True)] = False


class TicketTrigger(Model):
    type: Literal["ticket"]
    config: TicketConfig
    param_mapping: Annotated[dict[str, Path], Field(max_length=100)] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    type: Literal["manual"]
    config: NoConfig = NoConfig()
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


AnyTrigger = Annotated[
    ScheduleTrigger | WebhookTrigger | TicketTrigger | ManualTrigger, Field(discriminator="type")
]


class NewTrigger(Model):
    """A wrapper, so that each kind of trigger is told by its `type`."""

    trigger: AnyTrigger


class TriggerPatch(Model):
    config: dict[str, Any] | None = None
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True
