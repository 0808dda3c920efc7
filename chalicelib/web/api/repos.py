"""Routes of repos."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import repos
from chalicelib.domain.access import Scope
from chalicelib.web import answers, models, reading_settled, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    caller,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
)

routes = Routes(__name__)


@routes.at("GET", "/api/repos", needs=Scope.READ, query=PAGE)
def index() -> Answer[answers.RepoList]:
    """List the repos by URL."""
    request = routes.current_request
    after, limit = cursor_of(request) or "", limit_of(request)
    left = [repo for repo in wiring.world().repos.all() if repo.url > after]
    shown = [views.repo(repo) for repo in left[:limit]]
    return answer(
        {"repos": shown, "nextCursor": encode_cursor(left[limit - 1].url if left[limit:] else None)}
    )


@routes.at("POST", "/api/repos", needs=Scope.WRITE, takes="NewRepo", status=201)
def create() -> Answer[answers.RepoAnswer]:
    """Add a repo under the normal form of its URL."""
    request, world = routes.current_request, wiring.world()
    asked = models.parsed(models.NewRepo, body_of(request))
    new = reading_settled.repo(asked, world.now())
    made = repos.create(world, new, caller(), claim_of(request, new.id))
    return answer({"repo": views.repo(made)}, 201)


@routes.at("GET", "/api/repos/{repo}", needs=Scope.READ)
def show(repo: str) -> Answer[answers.RepoAnswer]:
    """Return one repo."""
    return answer({"repo": views.repo(wiring.world().repos.get(known_id("repo", repo)))})


@routes.at("PATCH", "/api/repos/{repo}", needs=Scope.WRITE, takes="RepoFields", partly=True)
def edit(repo: str) -> Answer[answers.RepoAnswer]:
    """Change the settings of a repo."""
    was = wiring.world().repos.get(known_id("repo", repo))
    asked = models.parsed(models.RepoFields, body_of(routes.current_request))
    new = reading_settled.patched_repo(was, asked, wiring.world().now())
    repos.change(wiring.world(), was, new, caller())
    return answer({"repo": views.repo(new)})


@routes.at("DELETE", "/api/repos/{repo}", needs=Scope.WRITE, status=204)
def remove(repo: str) -> Answer[None]:
    """Delete the settings of a repo; its tasks stay."""
    wiring.world().repos.remove(wiring.world().repos.get(known_id("repo", repo)))
    return answer(None, 204)
