"""Queries of the configuration: repos, secrets, prompt templates, providers, endpoints and keys."""

from __future__ import annotations

from contextlib import suppress

from chalicelib.domain.access.key import ApiKey
from chalicelib.domain.access.secret import Secret
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import NotFound
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.ports import World

MAX_OFFERED_TEMPLATES = 100


def get_repo(world: World, repo_id: str) -> Repo:
    """Return a repo; raise `NotFound` if there is none."""
    return world.repos.get(repo_id)


def find_repo(world: World, url: str | None) -> Repo | None:
    """Return the repo with this URL, if it is configured."""
    return world.repos.find_by_url(url) if url else None


def list_repos(world: World) -> list[Repo]:
    """Return all repos, by URL."""
    return world.repos.list_all()


def list_repos_after(world: World, url: str, limit: int) -> Page[Repo]:
    """Return the repos after this URL, and the URL after which the next page begins."""
    left = [repo for repo in world.repos.list_all() if repo.url > url]
    return Page(left[:limit], Cursor(left[limit - 1].url) if left[limit:] else None)


def list_secrets(world: World) -> list[Secret]:
    """Return the names of all secrets."""
    return world.secrets.list_all()


def get_template(world: World, template_id: str) -> PromptTemplate:
    """Return a prompt template; raise `NotFound` if there is none."""
    return world.prompt_templates.get(template_id)


def list_templates(
    world: World, before: Cursor | None, limit: int, kind: str = ""
) -> Page[PromptTemplate]:
    """Return a page of prompt templates, newest first; those of one kind, if `kind` is given."""
    templates: list[PromptTemplate] = []
    position = before
    while len(templates) < limit:
        remaining = limit - len(templates)
        page, position = world.prompt_templates.list_newest(position, remaining)
        templates += [template for template in page if not kind or template.kind == kind]
        if (
            position is None or len(page) < remaining
        ):  # the end, or the most that one response may hold
            break
    return Page(templates, position)


def list_offered_templates(world: World, selected: str | None) -> list[PromptTemplate]:
    """Return the templates that a form offers: the newest, and the selected one if it exists."""
    templates = [*world.prompt_templates.list_newest(None, MAX_OFFERED_TEMPLATES).items]
    if selected and all(template.id != selected for template in templates):
        with suppress(NotFound):
            templates.append(world.prompt_templates.get(selected))
    return templates


def get_provider(world: World, provider_id: str) -> TicketProvider:
    """Return a ticket provider; raise `NotFound` if there is none."""
    return world.providers.get(provider_id)


def list_providers(world: World) -> list[TicketProvider]:
    """Return all ticket providers, by name."""
    return world.providers.list_all()


def get_endpoint(world: World, endpoint_id: str) -> WebhookEndpoint:
    """Return a webhook endpoint; raise `NotFound` if there is none."""
    return world.webhook_endpoints.get(endpoint_id)


def list_endpoints(world: World) -> list[WebhookEndpoint]:
    """Return all webhook endpoints, oldest first."""
    return world.webhook_endpoints.list_all()


def list_keys(world: World, before: Cursor | None, limit: int) -> Page[ApiKey]:
    """Return a page of API keys, newest first."""
    return world.keys.list_newest(before, limit)
