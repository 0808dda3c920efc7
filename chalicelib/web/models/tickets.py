"""What requests say of providers of tickets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.web.models.types import Model, Name, shown, text

Credential = Annotated[str, text(limits.CREDENTIAL, 1, stripped=True)]
Value = Annotated[str, text(limits.CONFIG_VALUE, 1, stripped=True)]


class NewProvider(Model):
    model_config = shown(
        {"source": "github", "config": {"repo": "acme/web"}, "credential": "a token of its own"},
        {"source": "linear", "credential": "a key of its own"},
    )
    name: Name | None = None
    source: Literal["github", "linear", "jira", "notion"]
    config: Annotated[dict[str, Value], Field(max_length=limits.CONFIG)] = {}
    credential: Credential
    enabled: Annotated[bool, Field(strict=True)] = True


class ProviderPatch(Model):
    model_config = shown({"name": "Tickets of the web team"})
    name: Name | None = None
    config: Annotated[dict[str, Value], Field(max_length=10)] | None = None
    credential: Credential | None = None
    enabled: Annotated[bool, Field(strict=True)] | None = None
