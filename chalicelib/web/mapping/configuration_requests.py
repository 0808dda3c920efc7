"""Maps requests to repos and ticket providers."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.pool import Pool
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.versions import as_next_version

if TYPE_CHECKING:
    from chalicelib.web.schemas import requests


def to_repo(asked: requests.NewRepo, at: datetime) -> Repo:
    """Return the repo that a request describes."""
    url = asked.repo_url
    named = _named_fields(asked.model_dump(exclude={"repo_url"}))
    return Repo(id=repo_id(url), url=url, created_at=at, updated_at=at, **named)


def patch_repo(was: Repo, asked: requests.RepoFields, at: datetime) -> Repo:
    """Return a repo with the fields of a request changed."""
    named = _named_fields(asked.model_dump(exclude_unset=True))
    return replace(as_next_version(was, was), **named, updated_at=at)


def _named_fields(fields: dict[str, Any]) -> dict[str, Any]:
    lists = {name: tuple(fields[name]) for name in ("secrets", "trusted_bots") if name in fields}
    pool = {"runner": Pool(fields["runner"])} if fields.get("runner") else {}
    return fields | lists | pool


def to_provider(asked: requests.NewProvider, at: datetime) -> TicketProvider:
    """Return the ticket provider that a request describes, without its credential."""
    return TicketProvider(
        id=str(uuid.uuid4()),
        name=asked.name or asked.config.get("repo") or asked.source,
        source=asked.source,
        config=asked.config,
        enabled=asked.enabled,
        created_at=at,
        updated_at=at,
    )


def patch_provider(was: TicketProvider, asked: requests.ProviderPatch) -> TicketProvider:
    """Return a ticket provider with the fields of a request changed."""
    return replace(
        was,
        name=asked.name or was.name,
        config=was.config if asked.config is None else asked.config,
        enabled=was.enabled if asked.enabled is None else asked.enabled,
    )
