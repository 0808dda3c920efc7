"""Request models of the older paths, with the older names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.schemas.requests.fields import Agent, Text, schema_extra
from chalicelib.web.schemas.requests.tasks import EXAMPLE, SCHEDULE, Definition
from chalicelib.web.schemas.requests.triggers import AnyTrigger

Triggers = Annotated[list[AnyTrigger], Field(max_length=limits.MAX_TRIGGERS)]


class NewTaskConfig(Definition):
    model_config = schema_extra({**EXAMPLE, "repoUrl": "acme/web", "triggers": [SCHEDULE]})
    triggers: Triggers = []


JOB = {"name": "Weekly bump", "promptTemplate": "Look around.", "agentRuntime": "codex"}


class JobFields(Definition):
    model_config = schema_extra(JOB)
    prompt: Text = Field("", alias="promptTemplate")
    agent_type: Agent | None = Field(None, alias="agentRuntime")


class NewJob(JobFields):
    model_config = schema_extra({**JOB, "triggers": [SCHEDULE]})
    triggers: Triggers = []
