"""Request models of ticket providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.domain.access.credential import check_ends
from chalicelib.domain.errors import Fault
from chalicelib.domain.tickets.provider import check_config, check_same_tracker
from chalicelib.settings import settings
from chalicelib.web.schemas.requests.cross_field_rules import (
    ModelWithRules,
    Submitted,
    faults_of_check,
)
from chalicelib.web.schemas.requests.fields import (
    CHECK_FILLED,
    Flag,
    Name,
    domain_check,
    openapi_format,
    schema_extra,
    str_length,
)

Credential = Annotated[
    str,
    str_length(limits.MAX_CREDENTIAL_LENGTH, 1),
    domain_check(check_ends),
    openapi_format("credential"),
]
Value = Annotated[str, str_length(limits.MAX_CONFIG_VALUE_LENGTH, 1), CHECK_FILLED]


def _check_config(submitted: Submitted) -> Iterator[Fault]:
    yield from faults_of_check(
        check_config, submitted.source, submitted.config, settings.allowed_private
    )


class NewProvider(ModelWithRules):
    rules = (_check_config,)
    model_config = schema_extra(
        {
            "source": "github",
            "config": {"repo": "acme/web"},
            "credential": "the token for this repo",
        },
        {"source": "linear", "credential": "the API key for this workspace"},
    )
    name: Name | None = None
    source: Literal["github", "linear", "jira", "notion"]
    config: Annotated[dict[str, Value], Field(max_length=limits.MAX_CONFIG_SETTINGS)] = {}
    credential: Credential
    enabled: Flag = True


def _check_changed_config(submitted: Submitted) -> Iterator[Fault]:
    if submitted.config is not None:
        source = submitted.was.source
        yield from faults_of_check(check_config, source, submitted.config, settings.allowed_private)
        yield from faults_of_check(check_same_tracker, submitted.was, submitted.config)


class ProviderPatch(ModelWithRules):
    rules = (_check_changed_config,)
    model_config = schema_extra({"name": "Tickets of the web team"})
    name: Name | None = None
    config: Annotated[dict[str, Value], Field(max_length=limits.MAX_CONFIG_SETTINGS)] | None = None
    credential: Credential | None = None
    enabled: Flag | None = None
