"""Types of request fields, each with its check."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticKnownError

from chalicelib import wiring
from chalicelib.actions.firing.payload_params import jmespath_of as query_of
from chalicelib.domain import limits
from chalicelib.domain.access import secret
from chalicelib.domain.access.credential import check_ends
from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.egress import checked_url
from chalicelib.domain.errors import Invalid
from chalicelib.domain.repos import repo
from chalicelib.domain.triggers.time_zones import INVALID_TIME_MESSAGE, check_offset, check_year
from chalicelib.domain.triggers.webhook_signatures import MIN_SECRET_LENGTH
from chalicelib.settings import settings

IGNORED_FIELDS = (
    "environmentSpec",
    "budgetUsd",
    "maxPodInstances",
    "maxAgentsPerPod",
    "warmPoolSize",
)
"""Fields of the original Optio that have no effect: accepted, not stored, named in `warnings`."""

NO_ZERO_BYTE = r"^[^\x00]*$"
Agent = Literal["claude-code", "codex", "copilot", "gemini", "opencode", "command"]
MachineType = Literal[
    "BUILD_GENERAL1_SMALL",
    "BUILD_GENERAL1_MEDIUM",
    "BUILD_GENERAL1_LARGE",
    "BUILD_GENERAL1_XLARGE",
    "BUILD_GENERAL1_2XLARGE",
]
Image = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:@-]*$", max_length=limits.MAX_IMAGE_LENGTH
    ),
]


def domain_check(check: Any) -> Any:
    """Return a validator that reports the message of `check`."""

    def validate(value: Any) -> Any:
        try:
            checked = check(value)
        except Invalid as error:
            raise ValueError(error.message) from None
        return checked if isinstance(checked, type(value)) else value

    return AfterValidator(validate)


def _check_clonable(text: str) -> str:
    return repo.check_clone_url(text, settings.allowed_private, files=settings.file_repos)


def _check_clonable_or_open(text: str) -> str:
    return repo.TICKET_REPO_PLACEHOLDER if repo.leaves_repo_open(text) else _check_clonable(text)


def _check_clonable_or_kept(text: str, info: ValidationInfo) -> str:
    """Accept the stored URL unchecked: a stage may allow fewer hosts now, but pausing must work."""
    if text == getattr(info.context, "repo_url", None):
        return text
    try:
        return _check_clonable_or_open(text)
    except Invalid as error:
        raise ValueError(error.message) from None


def _check_branch(text: str) -> str:
    bad = text.startswith(("-", "/", ".")) or text.endswith(("/", ".", ".lock"))
    if bad or ".." in text or "@{" in text or any(c in " ~^:?*[\\" or ord(c) < 33 for c in text):
        raise Invalid(f"{text!r} is not a branch name that git allows")
    return text


def _check_branch_prefix(prefix: str) -> str:
    """Return a valid prefix; git checks each part of a branch name between slashes."""
    _check_branch(f"{prefix}task-00000000")
    parts = prefix.split("/")
    if any(part.startswith(".") or part.endswith((".", ".lock")) for part in parts) or (
        "" in parts[:-1]
    ):
        raise Invalid(f"{prefix!r} is not a valid branch prefix: write one such as 'bots/'")
    return prefix


def str_length(most: int, least: int = 0) -> Any:
    """Return the constraint of a text with `least` to `most` characters."""
    return StringConstraints(min_length=least or None, max_length=most)


def argument_length(most: int, least: int = 0) -> Any:
    """Return the constraint of a program's argument, which cannot contain a zero byte."""
    return StringConstraints(min_length=least or None, max_length=most, pattern=NO_ZERO_BYTE)


def _check_filled(text: str) -> str:
    if not text.strip():
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return text.strip()


def int_between(least: int, most: int) -> Any:
    """Return a strict integer constraint; numeric strings are rejected."""
    return Field(ge=least, le=most, strict=True)


STRIP_TEXT = AfterValidator(str.strip)
"""Strips the space around a text after checking the length of the original."""
CHECK_FILLED = AfterValidator(_check_filled)
"""Does the same, and rejects a text of nothing but space."""


def openapi_format(name: str) -> Any:
    """Return the name of a format, which describes a rule that JSON Schema cannot express."""
    return Field(json_schema_extra={"format": name})


def _parse_moment(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATED.match(value)):
        return value
    raise ValueError(INVALID_TIME_MESSAGE)


_DATED = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
Moment = Annotated[datetime, BeforeValidator(_parse_moment), domain_check(check_year)]
"""A time as text; pydantic would also accept numbers and guess their unit."""
Aware = Annotated[Moment, domain_check(check_offset)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, str_length(limits.MAX_NAME_LENGTH, 1), CHECK_FILLED]
Text = Annotated[str, str_length(limits.MAX_TEXT_LENGTH), domain_check(check_template)]
Description = Annotated[str, str_length(limits.MAX_DESCRIPTION_LENGTH)]
Script = Annotated[str, argument_length(limits.MAX_SCRIPT_LENGTH, 1)]
AgentModel = Annotated[str, argument_length(limits.MAX_NAME_LENGTH, 1)]
RepoUrl = Annotated[
    str,
    str_length(limits.MAX_URL_LENGTH, 3),
    domain_check(_check_clonable),
    openapi_format("repo-url"),
]
RepoOfTask = Annotated[
    str,
    str_length(limits.MAX_URL_LENGTH, 3),
    AfterValidator(_check_clonable_or_kept),
    openapi_format("repo-url"),
]
Branch = Annotated[
    str,
    str_length(limits.MAX_BRANCH_LENGTH, 1),
    domain_check(_check_branch),
    openapi_format("git-branch"),
]
BranchPrefix = Annotated[
    str,
    str_length(limits.MAX_BRANCH_PREFIX_LENGTH, 1),
    domain_check(_check_branch_prefix),
    openapi_format("git-branch-prefix"),
]
VariableName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=limits.MAX_SECRET_NAME_LENGTH
    ),
]
Variables = Annotated[
    dict[VariableName, Annotated[str, argument_length(limits.MAX_VARIABLE_LENGTH)]],
    Field(max_length=limits.MAX_VARIABLES),
]
Params = Annotated[dict[str, Any], Field(max_length=limits.MAX_PARAMS)]


def _check_query(text: str) -> str:
    wiring.get_world().expressions.check_query(text)
    return text


def _check_path(text: str) -> str:
    if text != "$" and not text.startswith("$."):
        raise Invalid(f"{text!r} is not supported: write `$.` followed by a JMESPath, or `$`")
    if text != "$":
        _check_query(query_of(text))
    return text


def _check_schema(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type", "object") != "object":
        raise Invalid("the type of this schema must be object, because params are an object")
    wiring.get_world().expressions.check_schema(schema)
    return schema


def _check_api_url(text: str) -> str:
    url = checked_url(text, settings.allowed_private, "forgeApiUrl")
    if urlsplit(url).query or urlsplit(url).fragment:
        raise Invalid(
            "must be the base URL of an API: a host and a path, without a query or fragment"
        )
    return url.rstrip("/")


ApiUrl = Annotated[
    str, str_length(limits.MAX_URL_LENGTH), domain_check(_check_api_url), openapi_format("api-url")
]
Secret = Annotated[
    str,
    str_length(limits.MAX_WEBHOOK_SECRET_LENGTH, MIN_SECRET_LENGTH),
    domain_check(check_ends),
    openapi_format("credential"),
]
Secrets = Annotated[list[Secret], Field(min_length=1, max_length=limits.MAX_WEBHOOK_SECRETS)]
Query = Annotated[
    str,
    str_length(limits.MAX_QUERY_LENGTH, 1),
    domain_check(_check_query),
    openapi_format("jmespath"),
]
Path = Annotated[
    str,
    str_length(limits.MAX_QUERY_LENGTH, 1),
    domain_check(_check_path),
    openapi_format("jmespath-param"),
]
Mapping = Annotated[dict[str, Path], Field(max_length=limits.MAX_MAPPED_PARAMS)]
Schema = Annotated[
    dict[str, Any],
    Field(max_length=limits.MAX_SCHEMA_NAMES),
    domain_check(_check_schema),
    openapi_format("json-schema"),
]
SecretName = Annotated[
    str,
    str_length(limits.MAX_SECRET_NAME_LENGTH),
    domain_check(secret.check_usable_name),
    openapi_format("secret-name"),
]
SecretNames = Annotated[list[SecretName], Field(max_length=limits.MAX_SECRETS)]
EventName = Annotated[str, str_length(limits.MAX_EVENT_LENGTH, 1)]
Signature = Literal[
    "optio",
    "github",
    "gitlab",
    "bitbucket",
    "gitea",
    "azure-devops",
    "sentry",
    "linear",
    "jira",
    "stripe",
    "slack",
    "pagerduty",
    "standard-webhooks",
    "notion",
    "sns",
    "cloudevents",
    "eventgrid",
    "token",
]


class Model(BaseModel):
    """A request in camelCase; unknown fields are rejected."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", populate_by_name=False)


def schema_extra(*examples: dict[str, Any], **rules: Any) -> ConfigDict:
    """Return a model's examples and additional rules for the API's description."""
    return ConfigDict(json_schema_extra={"examples": list(examples), **rules})
