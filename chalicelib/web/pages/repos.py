"""Repos and what every run of one shares."""

from __future__ import annotations

from dataclasses import replace

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.repo import Repo, repo_id
from chalicelib.web import models
from chalicelib.web.http import known_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.shell import Visit, faults_of


def index(visit: Visit) -> Response:
    """Show the repos, and a form for one more or for the one to edit."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    chosen = visit.form.get("id") or visit.query("edit")
    editing = world.repos.get(known_id("repo", chosen)) if chosen else None
    saved = editing and {
        "repoUrl": editing.url,
        "defaultBranch": editing.default_branch or "",
        "defaultAgentType": editing.default_agent_type or "",
        "setupCommands": editing.setup_commands or "",
        "maxConcurrentTasks": str(editing.max_concurrent_tasks),
        "secrets": " ".join(editing.secrets),
        "environment": "\n".join(f"{k}={v}" for k, v in editing.environment.items()),
    }
    return visit.page(
        "repos.html",
        409 if isinstance(error, Conflict) else 400 if error else 200,
        found=world.repos.all(),
        editing=editing,
        typed=visit.form if error else saved or {},
        wrong=forms.known(faults_of(error)) if error else {},
        said=str(error) if error else "",
        done=visit.query("done"),
    )


def save(visit: Visit) -> Response:
    """Add, change or forget a repo."""
    world, chosen = wiring.world(), visit.form.get("id", "")
    try:
        was = world.repos.get(known_id("repo", chosen)) if chosen else None
        if was and visit.form.get("do") == "delete":
            world.repos.remove(was)
            return visit.go("repos", done="deleted")
        if was:
            asked = models.parsed(models.RepoFields, _fields(visit))
            named = asked.model_dump(exclude_unset=True)
            named["secrets"] = tuple(asked.secrets)
            changed = replace(was, **named, version=was.version + 1, updated_at=world.now())
            world.repos.put(changed, was)
        else:
            url = visit.form.get("repoUrl", "").strip()
            new = models.parsed(models.NewRepo, {"repoUrl": url, **_fields(visit)})
            world.repos.add(_made(new))
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.go("repos", done="saved")


def _fields(visit: Visit) -> dict[str, object]:
    form = visit.form
    body: dict[str, object] = {
        name: form.get(name, "").strip() or None
        for name in ("setupCommands", "defaultBranch", "defaultAgentType")
    }
    if form.get("maxConcurrentTasks", "").strip():
        body["maxConcurrentTasks"] = forms.number(form, "maxConcurrentTasks")
    body["secrets"] = forms.words(form.get("secrets", ""))
    body["environment"] = forms.variables(form.get("environment", ""))
    return body


def _made(asked: models.NewRepo) -> Repo:
    now = wiring.world().now()
    named = asked.model_dump(exclude={"repo_url"})
    named["secrets"] = tuple(asked.secrets)
    url = asked.repo_url
    return Repo(id=repo_id(url), url=url, created_at=now, updated_at=now, **named)
