"""Routes of repos."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.blueprints import repos
from chalicelib.domain.access.key import Scope
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import configuration_requests, resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


@routes.add_route("GET", "/api/repos", scope=Scope.READ, query=PAGE_PARAMETERS)
def list_repos() -> Answer[responses.RepoList]:
    """List the repos by URL."""
    request = routes.current_request
    page, position = configuration.list_repos_after(
        wiring.get_world(), page_cursor(request) or "", page_limit(request)
    )
    shown = [resource_views.repo_view(repo) for repo in page]
    return json_answer({"repos": shown, "nextCursor": encode_cursor(position)})


@routes.add_route(
    "POST", "/api/repos", scope=Scope.WRITE, action="repo.create", body="NewRepo", status=201
)
def create_repo() -> Answer[responses.RepoAnswer]:
    """Add a repo under the normal form of its URL."""
    request, world = routes.current_request, wiring.get_world()
    repo_request = requests.parse_request(requests.NewRepo, json_body(request))
    new = configuration_requests.to_repo(repo_request, world.now())
    created = repos.create_repo(world, new, current_caller(), idempotency_claim(request, new.id))
    return json_answer({"repo": resource_views.repo_view(created)}, 201)


@routes.add_route("GET", "/api/repos/{repo}", scope=Scope.READ)
def show_repo(repo: str) -> Answer[responses.RepoAnswer]:
    """Return one repo."""
    repo_settings = configuration.get_repo(wiring.get_world(), parse_id("repo", repo))
    return json_answer({"repo": resource_views.repo_view(repo_settings)})


@routes.add_route(
    "PATCH",
    "/api/repos/{repo}",
    scope=Scope.WRITE,
    action="repo.update",
    body="RepoFields",
    partial=True,
)
def edit_repo(repo: str) -> Answer[responses.RepoAnswer]:
    """Change the settings of a repo."""
    world = wiring.get_world()
    was = configuration.get_repo(world, parse_id("repo", repo))
    repo_request = requests.parse_request(requests.RepoFields, json_body(routes.current_request))
    new = configuration_requests.patch_repo(was, repo_request, world.now())
    repos.change_repo(world, was, new, current_caller())
    return json_answer({"repo": resource_views.repo_view(new)})


@routes.add_route(
    "DELETE", "/api/repos/{repo}", scope=Scope.WRITE, action="repo.remove", status=204
)
def remove_repo(repo: str) -> Answer[None]:
    """Delete the settings of a repo; its tasks stay."""
    repos.remove_repo(wiring.get_world(), parse_id("repo", repo))
    return json_answer(None, 204)
