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
from chalicelib.actions.hooks import query as query_of
from chalicelib.domain import limits, repo, secret
from chalicelib.domain.address import checked_url
from chalicelib.domain.credential import check_ends
from chalicelib.domain.errors import Invalid
from chalicelib.domain.template import check_template
from chalicelib.domain.time_zones import check_year
from chalicelib.domain.webhook_signatures import SHORTEST_SECRET
from chalicelib.settings import settings

MEANINGLESS = ("environmentSpec", "budgetUsd", "maxPodInstances", "maxAgentsPerPod", "warmPoolSize")
"""Fields of the original Optio that have no effect: accepted, not stored, named in `warnings`."""

NO_ZERO_BYTE = r"^[^\x00]*$"
Agent = Literal["claude-code", "codex", "copilot", "gemini", "opencode", "command"]


def told(check: Any) -> Any:
    """Return a validator that reports the message of `check`."""

    def validate(given: Any) -> Any:
        try:
            found = check(given)
        except Invalid as error:
            raise ValueError(error.message) from None
        return found if isinstance(found, type(given)) else given

    return AfterValidator(validate)


def _clonable(text: str) -> str:
    return repo.checked_clone(text, settings.allowed_private, files=settings.file_repos)


def _clonable_or_open(text: str) -> str:
    return repo.FROM_TICKET if repo.leaves_open(text) else _clonable(text)


def _clonable_or_kept(text: str, info: ValidationInfo) -> str:
    """Accept the stored URL unchecked: a stage may allow fewer hosts now, but pausing must work."""
    if text == getattr(info.context, "repo_url", None):
        return text
    try:
        return _clonable_or_open(text)
    except Invalid as error:
        raise ValueError(error.message) from None


def _branch(text: str) -> str:
    bad = text.startswith(("-", "/", ".")) or text.endswith(("/", ".", ".lock"))
    if bad or ".." in text or "@{" in text or any(c in " ~^:?*[\\" or ord(c) < 33 for c in text):
        raise Invalid(f"{text!r} is not a branch name that git allows")
    return text


def _branch_prefix(prefix: str) -> str:
    """Return a valid prefix; git checks each part of a branch name between slashes."""
    _branch(f"{prefix}task-00000000")
    parts = prefix.split("/")
    if any(part.startswith(".") or part.endswith((".", ".lock")) for part in parts) or (
        "" in parts[:-1]
    ):
        raise Invalid(f"{prefix!r} is not a valid branch prefix: write one such as 'bots/'")
    return prefix


def text(most: int, least: int = 0) -> Any:
    """Return the constraint of a text with `least` to `most` characters."""
    return StringConstraints(min_length=least or None, max_length=most)


def argument(most: int, least: int = 0) -> Any:
    """Return the constraint of a program's argument, which cannot contain a zero byte."""
    return StringConstraints(min_length=least or None, max_length=most, pattern=NO_ZERO_BYTE)


def _filled(given: str) -> str:
    if not given.strip():
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return given.strip()


def whole(least: int, most: int) -> Any:
    """Return a strict integer constraint; numeric strings are rejected."""
    return Field(ge=least, le=most, strict=True)


STRIPPED = AfterValidator(str.strip)
"""Strips the space around a text after checking the length of the original."""
FILLED = AfterValidator(_filled)
"""Does the same, and rejects a text of nothing but space."""


def called(name: str) -> Any:
    """Return the name of a format, which describes a rule that JSON Schema cannot express."""
    return Field(json_schema_extra={"format": name})


def _written(given: Any) -> Any:
    if isinstance(given, datetime) or (isinstance(given, str) and _DATED.match(given)):
        return given
    raise ValueError("write the time as 2026-11-24T09:00:00Z")


def _with_offset(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("write the time with its offset or Z")
    return moment


_DATED = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
Moment = Annotated[datetime, BeforeValidator(_written), told(check_year)]
"""A time as text; pydantic would also accept numbers and guess their unit."""
Aware = Annotated[Moment, AfterValidator(_with_offset)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, text(limits.NAME, 1), FILLED]
Text = Annotated[str, text(limits.TEXT), told(check_template)]
Description = Annotated[str, text(limits.DESCRIPTION)]
Script = Annotated[str, argument(limits.SCRIPT, 1)]
AgentModel = Annotated[str, argument(limits.NAME, 1)]
RepoUrl = Annotated[str, text(limits.URL, 3), told(_clonable), called("repo-url")]
RepoOfTask = Annotated[
    str, text(limits.URL, 3), AfterValidator(_clonable_or_kept), called("repo-url")
]
Branch = Annotated[str, text(limits.BRANCH, 1), told(_branch), called("git-branch")]
BranchPrefix = Annotated[
    str, text(limits.BRANCH_PREFIX, 1), told(_branch_prefix), called("git-branch-prefix")
]
VariableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=limits.SECRET_NAME)
]
Variables = Annotated[
    dict[VariableName, Annotated[str, argument(limits.VARIABLE)]],
    Field(max_length=limits.VARIABLES),
]
Params = Annotated[dict[str, Any], Field(max_length=limits.PARAMS)]


def _query(text: str) -> str:
    wiring.world().expressions.check_query(text)
    return text


def _path(text: str) -> str:
    if text != "$" and not text.startswith("$."):
        raise Invalid(f"{text!r} is not supported: write `$.` followed by a JMESPath, or `$`")
    if text != "$":
        _query(query_of(text))
    return text


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type", "object") != "object":
        raise Invalid("the type of this schema must be object, because params are an object")
    wiring.world().expressions.check_schema(schema)
    return schema


def _api_url(text: str) -> str:
    url = checked_url(text, settings.allowed_private, "forgeApiUrl")
    if urlsplit(url).query or urlsplit(url).fragment:
        raise Invalid(
            "must be the base URL of an API: a host and a path, without a query or fragment"
        )
    return url.rstrip("/")


ApiUrl = Annotated[str, text(limits.URL), told(_api_url), called("api-url")]
Secret = Annotated[
    str, text(limits.HOOK_SECRET, SHORTEST_SECRET), told(check_ends), called("credential")
]
Secrets = Annotated[list[Secret], Field(min_length=1, max_length=limits.HOOK_SECRETS)]
Query = Annotated[str, text(limits.QUERY, 1), told(_query), called("jmespath")]
Path = Annotated[str, text(limits.QUERY, 1), told(_path), called("jmespath-param")]
Mapping = Annotated[dict[str, Path], Field(max_length=limits.MAPPED)]
Schema = Annotated[
    dict[str, Any], Field(max_length=limits.SCHEMA), told(_schema), called("json-schema")
]
SecretName = Annotated[
    str, text(limits.SECRET_NAME), told(secret.checked_use), called("secret-name")
]
SecretNames = Annotated[list[SecretName], Field(max_length=limits.SECRETS)]
EventName = Annotated[str, text(limits.EVENT, 1)]
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


def shown(*examples: dict[str, Any], **rules: Any) -> ConfigDict:
    """Return a model's examples and additional rules for the API's description."""
    return ConfigDict(json_schema_extra={"examples": list(examples), **rules})
