"""Queries of the objects that requests name. Each is read once, however often it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import NotFound
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.ports import World

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReferenceNames:
    """The ids and normalised URLs that requests name."""

    template_ids: frozenset[str] = frozenset()
    provider_ids: frozenset[str] = frozenset()
    repo_urls: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class References:
    """The named objects that exist, by the id or the URL that names them."""

    templates: Mapping[str, PromptTemplate] = field(default_factory=dict)
    providers: Mapping[str, TicketProvider] = field(default_factory=dict)
    repos: Mapping[str, Repo] = field(default_factory=dict)

    def default_agent(self, template_id: str | None, repo_url: str | None) -> str | None:
        """Return the default agent of the template, or otherwise of the repo."""
        template = self.templates.get(template_id or "")
        if template and template.default_agent_type:
            return template.default_agent_type
        repo = self.repos.get(repo_url or "")
        return repo.default_agent_type if repo else None


def read_references(world: World, names: ReferenceNames) -> References:
    """Return the objects that have these names."""
    found_repos = {url: world.repos.find_by_url(url) for url in sorted(names.repo_urls)}
    return References(
        templates=_find_each(world.prompt_templates.get, names.template_ids),
        providers=_find_each(world.providers.get, names.provider_ids),
        repos={url: repo for url, repo in found_repos.items() if repo},
    )


def _find_each(get: Callable[[str], T], ids: Iterable[str]) -> dict[str, T]:
    objects: dict[str, T] = {}
    for identity in sorted(ids):
        with suppress(NotFound):
            objects[identity] = get(identity)
    return objects
