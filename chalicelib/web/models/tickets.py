"""What requests say of providers of tickets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.web.models.types import Model, Name

Credential = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8192)]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class NewProvider(Model):
    name: Name | None = None
    source: Literal["github", "linear", "jira", "notion"]
    config: Annotated[dict[str, Value], Field(max_length=10)] = {}
    credential: Credential
    enabled: Annotated[bool, Field(strict=True)] = True


class ProviderPatch(Model):
    name: Name | None = None
    config: Annotated[dict[str, Value], Field(max_length=10)] | None = None
    credential: Credential | None = None
    enabled: Annotated[bool, Field(strict=True)] | None = None
