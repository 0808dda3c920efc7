"""Request models of ticket providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.domain.credential import check_ends
from chalicelib.domain.errors import Fault
from chalicelib.domain.provider import check_config, check_place
from chalicelib.settings import settings
from chalicelib.web.models.rules import Ruled, Sent, said_by
from chalicelib.web.models.types import FILLED, Flag, Name, called, shown, text, told

Credential = Annotated[str, text(limits.CREDENTIAL, 1), told(check_ends), called("credential")]
Value = Annotated[str, text(limits.CONFIG_VALUE, 1), FILLED]


def _known(asked: Sent) -> Iterator[Fault]:
    yield from said_by(check_config, asked.source, asked.config, settings.allowed_private)


class NewProvider(Ruled):
    rules = (_known,)
    model_config = shown(
        {
            "source": "github",
            "config": {"repo": "acme/web"},
            "credential": "the token for this repo",
        },
        {"source": "linear", "credential": "the API key for this workspace"},
    )
    name: Name | None = None
    source: Literal["github", "linear", "jira", "notion"]
    config: Annotated[dict[str, Value], Field(max_length=limits.CONFIG)] = {}
    credential: Credential
    enabled: Flag = True


def _still_known(asked: Sent) -> Iterator[Fault]:
    if asked.config is not None:
        source = asked.was.source
        yield from said_by(check_config, source, asked.config, settings.allowed_private)
        yield from said_by(check_place, asked.was, asked.config)


class ProviderPatch(Ruled):
    rules = (_still_known,)
    model_config = shown({"name": "Tickets of the web team"})
    name: Name | None = None
    config: Annotated[dict[str, Value], Field(max_length=limits.CONFIG)] | None = None
    credential: Credential | None = None
    enabled: Flag | None = None
