"""Protocols of the stores of repos, ticket providers and secrets.

There are few of them, so each list is read as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Protocol

from chalicelib.domain.access.secret import Secret
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow


class Repos(Protocol):
    """The store of repos: one row for each normal URL, from which the id is derived."""

    def get(self, repo_id: str) -> Repo:
        """Return a repo, in a consistent read; raise `NotFound` if there is none."""

    def find_by_url(self, url: str) -> Repo | None:
        """Return the repo with a normal URL, in a consistent read, or None."""

    @may_lose(Part.REPO, Part.CLAIM)
    def add(self, new: Repo, claim: IdempotencyClaim | None = None) -> None:
        """Store a new repo.

        Loses a claim that binds at `new.created_at`. Raises `Conflict` if only the repo exists.
        """

    def put(self, new: Repo, was: Repo) -> None:
        """Replace a repo; raise `Superseded` if it is gone, or not at the version of `was`."""

    def remove(self, old: Repo) -> None:
        """Remove a repo; raise `Superseded` if it is gone, or not at the version of `old`."""

    def list_all(self) -> list[Repo]:
        """Return all repos by URL; the read lags."""


class Providers(Protocol):
    """The store of ticket providers."""

    def get(self, provider_id: str) -> TicketProvider:
        """Return a provider, in a consistent read; raise `NotFound` if there is none."""

    @may_lose(Part.PROVIDER, Part.CLAIM)
    def add(self, new: TicketProvider, claim: IdempotencyClaim | None = None) -> None:
        """Store a new provider.

        Loses a provider whose id exists, and a claim that binds at `new.created_at`.
        """

    def put(self, new: TicketProvider, was: TicketProvider) -> None:
        """Replace a provider; raise `Superseded` if it is gone, or not at the version of `was`."""

    def remove(self, old: TicketProvider) -> None:
        """Remove a provider; raise `Superseded` if it is gone, or not at the version of `old`."""

    def list_all(self) -> list[TicketProvider]:
        """Return all providers by name, then id; the read lags."""

    def due_shards(self) -> int:
        """Return how many shards the index of due providers has."""

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        """Yield the providers with `due_at <= until`, the longest overdue first, from an index.

        They are those of one shard (0 to `due_shards() - 1`), or all.
        """


class Secrets(Protocol):
    """The names of users' secrets; a scope is `GLOBAL_SCOPE` or a repo's normal URL."""

    def vault_key(self, name: str, scope: str) -> str:
        """Return the key of a secret's value in the vault, whether or not it exists."""

    def find_named(self, names: Collection[str], scope: str) -> dict[str, Secret]:
        """Return by name those of the secrets that exist in a scope, in consistent reads."""

    def put(self, new: Secret) -> None:
        """Store a secret, or replace the one with its name and scope."""

    def remove(self, name: str, scope: str) -> None:
        """Remove a secret; raise `NotFound` if there is none."""

    def list_all(self) -> list[Secret]:
        """Return all secrets by name, then scope; the read lags."""
