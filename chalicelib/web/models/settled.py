"""What requests say of what people set up once: prompts, secrets, repos."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

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


class NewPromptTemplate(Model):
    name: Name
    template: Annotated[Text, StringConstraints(min_length=1)]
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = "prompt"
    description: Annotated[str, StringConstraints(max_length=4000)] = ""
    params_schema: Schema | None = None
    default_agent_type: Agent | None = None


class SecretValue(Model):
    value: Annotated[str, StringConstraints(max_length=64 * 1024)]
    scope: Annotated[str, StringConstraints(max_length=1000)] = "global"


class RepoFields(Model):
    setup_commands: Script | None = None
    secrets: SecretNames = []
    environment: Variables = {}
    default_branch: Branch | None = None
    default_agent_type: Agent | None = None
    max_concurrent_tasks: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2


class NewRepo(RepoFields):
    repo_url: RepoUrl
