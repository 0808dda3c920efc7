"""Request models of the older paths, with the older names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.models.tasks import EXAMPLE, SCHEDULE, Definition
from chalicelib.web.models.triggers import AnyTrigger
from chalicelib.web.models.types import Agent, Text, shown

Triggers = Annotated[list[AnyTrigger], Field(max_length=limits.TRIGGERS)]


class NewTaskConfig(Definition):
    model_config = shown({**EXAMPLE, "repoUrl": "acme/web", "triggers": [SCHEDULE]})
    triggers: Triggers = []


JOB = {"name": "Weekly bump", "promptTemplate": "Look around.", "agentRuntime": "codex"}


class JobFields(Definition):
    model_config = shown(JOB)
    prompt: Text = Field("", alias="promptTemplate")
    agent_type: Agent | None = Field(None, alias="agentRuntime")


class NewJob(JobFields):
    model_config = shown({**JOB, "triggers": [SCHEDULE]})
    triggers: Triggers = []
