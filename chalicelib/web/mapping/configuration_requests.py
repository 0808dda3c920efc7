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


def to_repo(request: requests.NewRepo, at: datetime) -> Repo:
    """Return the repo that a request describes."""
    url = request.repo_url
    fields = _named_fields(request.model_dump(exclude={"repo_url"}))
    return Repo(id=repo_id(url), url=url, created_at=at, updated_at=at, **fields)


def patch_repo(was: Repo, request: requests.RepoFields, at: datetime) -> Repo:
    """Return a repo with the fields of a request changed."""
    fields = _named_fields(request.model_dump(exclude_unset=True))
    return replace(as_next_version(was, was), **fields, updated_at=at)


def _named_fields(fields: dict[str, Any]) -> dict[str, Any]:
    lists = {name: tuple(fields[name]) for name in ("secrets", "trusted_bots") if name in fields}
    pool = {"runner": Pool(fields["runner"])} if fields.get("runner") else {}
    return fields | lists | pool


def to_provider(request: requests.NewProvider, at: datetime) -> TicketProvider:
    """Return the ticket provider that a request describes, without its credential."""
    return TicketProvider(
        id=str(uuid.uuid4()),
        name=request.name or request.config.get("repo") or request.source,
        source=request.source,
        config=request.config,
        enabled=request.enabled,
        created_at=at,
        updated_at=at,
    )


def patch_provider(was: TicketProvider, request: requests.ProviderPatch) -> TicketProvider:
    """Return a ticket provider with the fields of a request changed."""
    return replace(
        was,
        name=request.name or was.name,
        config=was.config if request.config is None else request.config,
        enabled=was.enabled if request.enabled is None else request.enabled,
    )
