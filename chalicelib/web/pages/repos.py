"""The repos and their settings, which all runs of a repo share."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import repos
from chalicelib.domain.access import Forbidden
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.repo import Repo
from chalicelib.web import audit, models, reading_settled
from chalicelib.web.http import known_id
from chalicelib.web.pages import forms
from chalicelib.web.pages.typed import Typed
from chalicelib.web.pages.visit import Visit

TEXTS = (
    *("setupCommands", "testCommand", "defaultBranch", "branchPrefix", "defaultAgentType"),
    *("runner", "image", "computeType", "forgeApiUrl"),
    *("commitAuthorName", "commitAuthorEmail"),
)


def index(visit: Visit) -> Response:
    """Show the repos, and the form to add one or to edit the selected one."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    chosen = visit.form.get("id") or visit.query("edit")
    editing = world.repos.get(known_id("repo", chosen)) if chosen else None
    saved = _typed(editing) if editing else {}
    found = world.repos.all()
    return visit.form_page("repos.html", error, saved, found=found, editing=editing)


def _typed(repo: Repo) -> dict[str, str]:
    """Return the values of a repo's form."""
    return {
        "repoUrl": repo.url,
        "defaultBranch": repo.default_branch or "",
        "branchPrefix": repo.branch_prefix or "",
        "defaultAgentType": repo.default_agent_type or "",
        "setupCommands": repo.setup_commands or "",
        "testCommand": repo.test_command or "",
        "maxConcurrentTasks": str(repo.max_concurrent_tasks),
        "maxAutoResumes": str(repo.max_auto_resumes),
        "trustedBots": " ".join(repo.trusted_bots),
        "commitAuthorName": repo.commit_author_name or "",
        "commitAuthorEmail": repo.commit_author_email or "",
        "runner": repo.runner or "",
        "image": repo.image or "",
        "computeType": repo.compute_type or "",
        "forgeApiUrl": repo.forge_api_url or "",
        **forms.chosen(
            autoMerge=repo.auto_merge,
            autoResume=repo.auto_resume,
            includeSetupChanges=repo.include_setup_changes,
        ),
        **forms.shown(repo.secrets, repo.environment),
    }


def save(visit: Visit) -> Response:
    """Add, change or delete the settings of a repo."""
    world, chosen = wiring.world(), visit.form.get("id", "")
    assert visit.session is not None
    try:
        typed = visit.typed
        remove = visit.form.get("do") == "delete"
        was = world.repos.get(known_id("repo", chosen)) if chosen or remove else None
        if was and remove:
            world.repos.remove(was)
            return visit.go("repos", done="deleted")
        if was:
            asked = models.parsed(models.RepoFields, _fields(typed), besides=typed.faults)
            changed = reading_settled.patched_repo(was, asked, world.now())
            repos.change(world, was, changed, visit.session.who)
        else:
            body = {"repoUrl": typed.text("repoUrl"), **_fields(typed)}
            asked_new = models.parsed(models.NewRepo, body, besides=typed.faults)
            new = reading_settled.repo(asked_new, world.now())
            repos.create(world, new, visit.session.who, visit.once(new.id))
            audit.made(new.id, new.url)
    except (Invalid, Conflict, Forbidden) as error:
        return _page(visit, error)
    return visit.go("repos", done="saved")


def _fields(typed: Typed) -> dict[str, object]:
    return {
        **{name: typed.text(name) or None for name in TEXTS},
        **typed.numbers("maxConcurrentTasks", "maxAutoResumes"),
        **typed.flags("autoMerge", "autoResume", "includeSetupChanges"),
        "secrets": typed.words("secrets"),
        "trustedBots": typed.words("trustedBots"),
        "environment": typed.variables("environment"),
    }
