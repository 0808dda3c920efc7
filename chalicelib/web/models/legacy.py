"""What requests say at the older paths: the same things, under the older names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.models.tasks import Definition
from chalicelib.web.models.triggers import AnyTrigger
from chalicelib.web.models.types import Agent, Text

Triggers = Annotated[list[AnyTrigger], Field(max_length=limits.TRIGGERS)]


class NewTaskConfig(Definition):
    triggers: Triggers = []


class JobFields(Definition):
    prompt: Text = Field("", alias="promptTemplate")
    agent_type: Agent | None = Field(None, alias="agentRuntime")


class NewJob(JobFields):
    triggers: Triggers = []
