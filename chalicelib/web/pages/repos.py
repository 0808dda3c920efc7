"""The repos and their settings, which all runs of a repo share."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.blueprints import repos
from chalicelib.domain.access.key import Forbidden
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.repos.repo import Repo
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.mapping import configuration_requests
from chalicelib.web.pages import forms
from chalicelib.web.pages.contexts import repos as contexts
from chalicelib.web.pages.contexts.base import title_form
from chalicelib.web.pages.filters import repo_name
from chalicelib.web.pages.form import SubmittedForm
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests

TEXT_FIELDS = (
    *("setupCommands", "testCommand", "defaultBranch", "branchPrefix", "defaultAgentType"),
    *("runner", "image", "computeType", "forgeApiUrl"),
    *("commitAuthorName", "commitAuthorEmail"),
)


def list_repos(visit: PageRequest) -> Response:
    """Show the repos, and the form to add one or to edit the selected one."""
    return _render_page(visit, None)


def _render_page(visit: PageRequest, error: DomainError | None) -> Response:
    world = wiring.get_world()
    chosen = visit.form.get("id") or visit.query_param("edit")
    editing = configuration.get_repo(world, parse_id("repo", chosen)) if chosen else None
    saved = _form_values(editing) if editing else {}
    page = contexts.RepoListPage(
        form=visit.form_state(error, saved),
        notice=visit.notice,
        repos=[contexts.draw_repo_card(repo) for repo in configuration.list_repos(world)],
        editing_id=editing.id if editing else "",
        form_title=title_form(repo_name(editing.url) if editing else None, "Add a repo"),
    )
    return visit.show_form(page, error)


def _form_values(repo: Repo) -> dict[str, str]:
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
        **forms.flag_values(
            autoMerge=repo.auto_merge,
            autoResume=repo.auto_resume,
            includeSetupChanges=repo.include_setup_changes,
        ),
        **forms.variable_texts(repo.secrets, repo.environment),
    }


def save_repo(visit: PageRequest) -> Response:
    """Add, change or delete the settings of a repo."""
    world, chosen = wiring.get_world(), visit.form.get("id", "")
    assert visit.session is not None
    try:
        submitted = visit.submitted_form
        if visit.form.get("do") == "delete":
            repos.remove_repo(world, parse_id("repo", chosen))
            return visit.redirect_to("repos", done="deleted")
        was = configuration.get_repo(world, parse_id("repo", chosen)) if chosen else None
        if was:
            repo_request = requests.parse_request(
                requests.RepoFields, _submitted_fields(submitted), extra_faults=submitted.faults
            )
            changed = configuration_requests.patch_repo(was, repo_request, world.now())
            repos.change_repo(world, was, changed, visit.session.who)
        else:
            body = {"repoUrl": submitted.read_text("repoUrl"), **_submitted_fields(submitted)}
            asked_new = requests.parse_request(
                requests.NewRepo, body, extra_faults=submitted.faults
            )
            new = configuration_requests.to_repo(asked_new, world.now())
            repos.create_repo(world, new, visit.session.who, visit.form_claim(new.id))
            audit.note_created(new.id, new.url)
    except (Invalid, Conflict, Forbidden) as error:
        return _render_page(visit, error)
    return visit.redirect_to("repos", done="saved")


def _submitted_fields(submitted: SubmittedForm) -> dict[str, object]:
    return {
        **{name: submitted.read_text(name) or None for name in TEXT_FIELDS},
        **submitted.read_numbers("maxConcurrentTasks", "maxAutoResumes"),
        **submitted.read_flags("autoMerge", "autoResume", "includeSetupChanges"),
        "secrets": submitted.read_words("secrets"),
        "trustedBots": submitted.read_words("trustedBots"),
        "environment": submitted.read_variables("environment"),
    }
