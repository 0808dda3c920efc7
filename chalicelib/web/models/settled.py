"""Request models of the configuration: prompt templates, secrets, API keys and repos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib import wiring
from chalicelib.domain import limits, secret
from chalicelib.domain.access import Role, Scope, checked_end, granted
from chalicelib.domain.errors import Fault
from chalicelib.domain.template import check_template
from chalicelib.web.models.rules import Ruled, Sent, said_by
from chalicelib.web.models.types import (
    Agent,
    ApiUrl,
    Aware,
    Branch,
    BranchPrefix,
    Description,
    Flag,
    Model,
    Name,
    RepoUrl,
    Schema,
    Script,
    SecretNames,
    Variables,
    called,
    shown,
    text,
    told,
    whole,
)

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=limits.KIND)]


class NewPromptTemplate(Model):
    model_config = shown({"name": "Update", "template": "Update {{package}}"})
    name: Name
    template: Annotated[str, text(limits.TEXT, 1), told(check_template)]
    kind: Kind = "prompt"
    description: Description = ""
    params_schema: Schema | None = None
    default_agent_type: Agent | None = None


class SecretValue(Model):
    model_config = shown({"value": "the secret value"})
    value: Annotated[str, text(limits.SECRET), told(secret.checked_value), called("credential")]
    scope: Annotated[str, text(limits.URL), told(secret.checked_scope), called("secret-scope")] = (
        secret.GLOBAL
    )


ComputeType = Literal[
    "BUILD_GENERAL1_SMALL",
    "BUILD_GENERAL1_MEDIUM",
    "BUILD_GENERAL1_LARGE",
    "BUILD_GENERAL1_XLARGE",
    "BUILD_GENERAL1_2XLARGE",
]
"""CodeBuild machines that run containers. Its Lambda machines stop after 15 minutes."""


Image = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:@-]*$", max_length=limits.IMAGE)
]


def _allowed(asked: Sent) -> Iterator[Fault]:
    yield from said_by(granted, asked.role, asked.scopes)


def _still_good(asked: Sent) -> Iterator[Fault]:
    yield from said_by(checked_end, asked.expires_at, wiring.world().now())


class NewKey(Ruled):
    rules = (_allowed, _still_good)
    model_config = shown(
        {"name": "CI", "role": "member"}, {"name": "A runner", "scopes": ["runner"]}
    )
    name: Name
    role: Role | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None
    expires_at: Aware | None = None


BotName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?$", max_length=limits.BOT, to_lower=True
    ),
]
"""The login of a bot at the forge; the login of an App ends with `[bot]`."""


AuthorName = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f<>]*\w[^\x00-\x1f<>]*$", max_length=limits.NAME),
]
AuthorEmail = Annotated[
    str, StringConstraints(pattern=r"^[^\s\x00-\x1f<>]+$", max_length=limits.NAME)
]
"""A name and an email of a commit; git accepts neither angle brackets nor line breaks."""


class RepoFields(Model):
    model_config = shown({"setupCommands": "npm ci", "maxConcurrentTasks": 3})
    setup_commands: Script | None = None
    include_setup_changes: Flag = False
    test_command: Script | None = None
    secrets: SecretNames = []
    environment: Variables = {}
    default_branch: Branch | None = None
    branch_prefix: BranchPrefix | None = None
    default_agent_type: Agent | None = None
    max_concurrent_tasks: Annotated[int, whole(1, 1000)] = 2
    runner: Literal["codebuild", "self-hosted"] | None = None
    image: Image | None = None
    compute_type: ComputeType | None = None
    forge_api_url: ApiUrl | None = None
    auto_merge: Flag = False
    auto_resume: Flag = False
    max_auto_resumes: Annotated[int, whole(0, 100)] = 10
    trusted_bots: Annotated[list[BotName], Field(max_length=limits.BOTS)] = []
    commit_author_name: AuthorName | None = None
    commit_author_email: AuthorEmail | None = None


class NewRepo(RepoFields):
    model_config = shown({"repoUrl": "acme/web", "setupCommands": "npm ci"})
    repo_url: RepoUrl
