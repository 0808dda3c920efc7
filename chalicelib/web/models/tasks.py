"""What requests say of tasks."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib.web.models.triggers import AnyTrigger
from chalicelib.web.models.types import (
    Agent,
    Branch,
    Model,
    Name,
    RepoUrl,
    Schema,
    Script,
    SecretNames,
    Text,
    Variables,
)

LabelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]


class Definition(Model):
    """The fields of a task, and of a definition."""

    name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=4000)] = ""
    title: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    prompt: Text = ""
    prompt_template_id: uuid.UUID | None = None
    params_schema: Schema | None = None
    repo_url: RepoUrl | None = None
    repo_branch: Branch | None = None
    agent_type: Agent | None = None
    agent_command: Script | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    max_turns: Annotated[int, Field(ge=1, le=10000, strict=True)] | None = None
    timeout_minutes: Annotated[int, Field(ge=1, le=600, strict=True)] = 60
    max_retries: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    priority: Annotated[int, Field(ge=1, le=1000, strict=True)] = 100
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2
    secrets: SecretNames = []
    environment: Variables = {}
    enabled: Annotated[bool, Field(strict=True)] = True
    on_open_pr: Literal["allow", "skip", "update"] = "allow"
    max_open_prs: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    skip_if_unchanged: Annotated[bool, Field(strict=True)] = False
    draft: Annotated[bool, Field(strict=True)] = False
    pr_labels: Annotated[list[LabelName], Field(max_length=20)] = []


class NewTask(Definition):
    type: Literal["repo-task", "repo-blueprint", "standalone"] = "repo-task"
    triggers: Annotated[list[AnyTrigger], Field(max_length=20)] = []


class RunRequest(Model):
    params: dict[str, Any] = {}


class ResumeRequest(Model):
    prompt: Annotated[Text, StringConstraints(min_length=1)]


class PreviewRequest(Model):
    params: dict[str, Any] = {}
    firing_id: uuid.UUID | None = None
