"""Repos over HTTP."""

from __future__ import annotations

from dataclasses import replace

from chalicelib import wiring
from chalicelib.domain.access import Scope
from chalicelib.domain.repo import Repo, repo_id
from chalicelib.web import answers, models, views
from chalicelib.web.http import Answer, Routes, answer, body_of, known_id

routes = Routes(__name__)


@routes.at("GET", "/api/repos", needs=Scope.READ)
def index() -> Answer[answers.RepoList]:
    """List the repos, by URL."""
    repos = [views.repo(repo) for repo in wiring.world().repos.all()]
    return answer({"repos": repos, "nextCursor": None})


@routes.at("POST", "/api/repos", needs=Scope.WRITE, takes="NewRepo", status=201)
def create() -> Answer[answers.RepoAnswer]:
    """Make a repo known, under the one normal form of its URL."""
    asked = models.parsed(models.NewRepo, body_of(routes.current_request))
    now = wiring.world().now()
    new = _with(
        Repo(id=repo_id(asked.repo_url), url=asked.repo_url, created_at=now, updated_at=now), asked
    )
    wiring.world().repos.add(new)
    return answer({"repo": views.repo(new)}, 201)


@routes.at("GET", "/api/repos/{repo}", needs=Scope.READ)
def show(repo: str) -> Answer[answers.RepoAnswer]:
    """Return one repo."""
    return answer({"repo": views.repo(wiring.world().repos.get(known_id("repo", repo)))})


@routes.at("PATCH", "/api/repos/{repo}", needs=Scope.WRITE, takes="RepoFields", partly=True)
def edit(repo: str) -> Answer[answers.RepoAnswer]:
    """Change the settings of a repo."""
    was = wiring.world().repos.get(known_id("repo", repo))
    asked = models.parsed(models.RepoFields, body_of(routes.current_request))
    named = {name: getattr(asked, name) for name in asked.model_fields_set}
    if "secrets" in named:
        named["secrets"] = tuple(named["secrets"])
    new = replace(was, **named, version=was.version + 1, updated_at=wiring.world().now())
    wiring.world().repos.put(new, was)
    return answer({"repo": views.repo(new)})


@routes.at("DELETE", "/api/repos/{repo}", needs=Scope.WRITE, status=204)
def remove(repo: str) -> Answer[None]:
    """Forget a repo's settings; its tasks stay."""
    wiring.world().repos.remove(wiring.world().repos.get(known_id("repo", repo)))
    return answer(None, 204)


def _with(repo: Repo, asked: models.RepoFields) -> Repo:
    return replace(
        repo,
        setup_commands=asked.setup_commands,
        secrets=tuple(asked.secrets),
        environment=asked.environment,
        default_branch=asked.default_branch,
        default_agent_type=asked.default_agent_type,
        max_concurrent_tasks=asked.max_concurrent_tasks,
        runner=asked.runner,
        image=asked.image,
        compute_type=asked.compute_type,
        forge_api_url=asked.forge_api_url,
        auto_merge=asked.auto_merge,
        auto_resume=asked.auto_resume,
        max_auto_resumes=asked.max_auto_resumes,
    )
