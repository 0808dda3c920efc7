"""Request models of the configuration: prompt templates, secrets, API keys and repos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib import wiring
from chalicelib.domain import limits
from chalicelib.domain.access import secret
from chalicelib.domain.access.key import Role, Scope, check_expiry, grant_scopes
from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.errors import Fault
from chalicelib.web.schemas.requests.cross_field_rules import (
    ModelWithRules,
    Submitted,
    faults_of_check,
)
from chalicelib.web.schemas.requests.fields import (
    Agent,
    ApiUrl,
    Aware,
    Branch,
    BranchPrefix,
    Description,
    Flag,
    Image,
    MachineType,
    Model,
    Name,
    RepoUrl,
    Schema,
    Script,
    SecretNames,
    Variables,
    domain_check,
    int_between,
    openapi_format,
    schema_extra,
    str_length,
)

Kind = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=limits.MAX_TEMPLATE_KIND_LENGTH)
]


class NewPromptTemplate(Model):
    model_config = schema_extra({"name": "Update", "template": "Update {{package}}"})
    name: Name
    template: Annotated[str, str_length(limits.MAX_TEXT_LENGTH, 1), domain_check(check_template)]
    kind: Kind = "prompt"
    description: Description = ""
    params_schema: Schema | None = None
    default_agent_type: Agent | None = None


class SecretValue(Model):
    model_config = schema_extra({"value": "the secret value"})
    value: Annotated[
        str,
        str_length(limits.MAX_SECRET_BYTES),
        domain_check(secret.check_value),
        openapi_format("credential"),
    ]
    scope: Annotated[
        str,
        str_length(limits.MAX_URL_LENGTH),
        domain_check(secret.check_scope),
        openapi_format("secret-scope"),
    ] = secret.GLOBAL_SCOPE


def _check_scopes(submitted: Submitted) -> Iterator[Fault]:
    yield from faults_of_check(grant_scopes, submitted.role, submitted.scopes)


def _check_expiry(submitted: Submitted) -> Iterator[Fault]:
    yield from faults_of_check(check_expiry, submitted.expires_at, wiring.get_world().now())


class NewKey(ModelWithRules):
    rules = (_check_scopes, _check_expiry)
    model_config = schema_extra(
        {"name": "CI", "role": "member"}, {"name": "A runner", "scopes": ["runner"]}
    )
    name: Name
    role: Role | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None
    expires_at: Aware | None = None


BotName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?$",
        max_length=limits.MAX_BOT_NAME_LENGTH,
        to_lower=True,
    ),
]
"""The login of a bot at the forge; the login of an App ends with `[bot]`."""


AuthorName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\x00-\x1f<>]*\w[^\x00-\x1f<>]*$", max_length=limits.MAX_NAME_LENGTH
    ),
]
AuthorEmail = Annotated[
    str, StringConstraints(pattern=r"^[^\s\x00-\x1f<>]+$", max_length=limits.MAX_NAME_LENGTH)
]
"""A name and an email of a commit; git accepts neither angle brackets nor line breaks."""


class RepoFields(Model):
    model_config = schema_extra({"setupCommands": "npm ci", "maxConcurrentTasks": 3})
    setup_commands: Script | None = None
    include_setup_changes: Flag = False
    test_command: Script | None = None
    secrets: SecretNames = []
    environment: Variables = {}
    default_branch: Branch | None = None
    branch_prefix: BranchPrefix | None = None
    default_agent_type: Agent | None = None
    max_concurrent_tasks: Annotated[int, int_between(1, 1000)] = 2
    runner: Literal["codebuild", "self-hosted"] | None = None
    image: Image | None = None
    compute_type: MachineType | None = None
    forge_api_url: ApiUrl | None = None
    auto_merge: Flag = False
    auto_resume: Flag = False
    max_auto_resumes: Annotated[int, int_between(0, 100)] = 10
    trusted_bots: Annotated[list[BotName], Field(max_length=limits.MAX_TRUSTED_BOTS)] = []
    commit_author_name: AuthorName | None = None
    commit_author_email: AuthorEmail | None = None


class NewRepo(RepoFields):
    model_config = schema_extra({"repoUrl": "acme/web", "setupCommands": "npm ci"})
    repo_url: RepoUrl
