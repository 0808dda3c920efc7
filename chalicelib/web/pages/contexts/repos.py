"""The variables of the page of the repos."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.repos.repo import Repo
from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.filters import repo_name


@dataclass(frozen=True, kw_only=True)
class RepoCard:
    """A repo with the settings that differ from the usual ones."""

    id: str
    url: str
    name: str
    details: str


def draw_repo_card(repo: Repo) -> RepoCard:
    """Return the card of a repo."""
    notes = (
        (True, repo.url),
        (True, f"max {repo.max_concurrent_tasks} in parallel"),
        (repo.default_branch, repo.default_branch or ""),
        (repo.setup_commands, "has setup commands"),
        (repo.auto_merge, "merges automatically"),
        (repo.auto_resume, "resumes automatically"),
    )
    return RepoCard(
        id=repo.id,
        url=repo.url,
        name=repo_name(repo.url),
        details=" · ".join(note for is_set, note in notes if is_set),
    )


@dataclass(frozen=True, kw_only=True)
class RepoListPage(FormContext):
    """The variables of the page of the repos. `editing_id` is empty in the form of a new repo."""

    template = "repos.html"

    notice: Notice | None
    repos: list[RepoCard]
    editing_id: str
    form_title: str
